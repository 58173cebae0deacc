// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace fendmail::app {

/// Asks all lists of a configuration for their test entries, for up to nine seconds, and prints
/// what is wrong with them.
/// @return the exit code
[[nodiscard]] int check_lists(const std::string& config_path);

} // namespace fendmail::app

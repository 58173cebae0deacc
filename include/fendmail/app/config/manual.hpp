// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace fendmail::app {

/// fendmail.toml(5), as roff: all keys, of the table that docs/configuration.md is made of.
[[nodiscard]] std::string configuration_manual();

} // namespace fendmail::app

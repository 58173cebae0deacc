// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/config.hpp"
#include "fendmail/app/config/settings.hpp"

#include <string_view>

namespace fendmail::app {

/// Gives the settings their meaning, and checks what only shows when they are seen together.
/// The result is whole only if `problems` has nothing fatal afterwards.
///
/// Errors: go to `problems`, each at the place of the value, or of the element of a list.
[[nodiscard]] config build_config(const settings& from, std::string_view default_hostname,
                                  problem_list& problems);

} // namespace fendmail::app

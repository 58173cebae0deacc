// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/load.hpp"

#include <filesystem>
#include <optional>
#include <string_view>

/// The configuration as a start takes it: the files, and the environment of this process.
///
/// Errors: problems of the configuration.
/// Threads: the environment must not change meanwhile.
namespace fendmail::app {

[[nodiscard]] loaded read_config(const std::filesystem::path& file,
                                 std::string_view default_hostname);

/// Nothing when it cannot be used, and then the problems are on stderr. Warnings of one that can
/// are for `fendmail check` to tell.
[[nodiscard]] std::optional<config> read_config_or_tell(const std::filesystem::path& file,
                                                        std::string_view default_hostname);

void print_problems(const loaded& from);

} // namespace fendmail::app

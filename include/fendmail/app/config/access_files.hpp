// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/problems.hpp"
#include "fendmail/core/address.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

/// Access files: one network a line.
///
/// Memory: the file's text while it is read, then its networks.
/// Errors: each bad line is a problem at its place in that file, at most twenty a file.
/// Threads: any.
namespace fendmail::app {

/// A whole file.
/// @return nothing and the reason in `why` when it cannot be read
[[nodiscard]] std::optional<std::string> read_file(const std::filesystem::path& file,
                                                   std::string& why);

/// The networks of a file; what is wrong with it goes to `problems`.
/// @param rule where the rule stands that names the file
[[nodiscard]] std::vector<network> read_access_file(const std::filesystem::path& file, place rule,
                                                    problem_list& problems);

} // namespace fendmail::app

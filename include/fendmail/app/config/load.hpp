// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/config.hpp"
#include "fendmail/app/config/effective.hpp"
#include "fendmail/io/os/variables.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// TOML text and the environment → configuration, with every error of all files at once.
///
/// Source: docs/configuration.md, which is made from the same table of keys (keys.hpp).
/// Errors: each problem names file, line and column, or the variable, and what to write instead;
/// none is thrown.
namespace fendmail::app {

struct problem {
    std::string file;
    unsigned line = 0;   ///< 1-based; 0 = the file as a whole, or a variable
    unsigned column = 0; ///< 1-based
    bool fatal = true;   ///< false: a warning, the configuration can be used
    std::string text;

    friend bool operator==(const problem&, const problem&) = default;
};
/// "FILE:LINE:COLUMN: error: TEXT" or "… warning: TEXT"; "environment NAME: error: TEXT".
[[nodiscard]] std::string to_text(const problem& p);

struct loaded {
    std::optional<config> value{};     ///< none when there is any fatal problem
    std::vector<problem> problems{};   ///< in order of file, line, column
    std::vector<effective_key> keys{}; ///< what `value` was made of; empty when there is none
};

/// Reads FILE and, in lexical order, conf.d/*.toml beside it, and the access files they name.
/// @param default_hostname used where server.hostname is ""
/// @param variables the environment: FENDMAIL_… are keys, and ${NAME} names any of them
[[nodiscard]] loaded load_config(const std::filesystem::path& file,
                                 std::string_view default_hostname,
                                 const io::variable_map& variables);
/// The same for text that is in memory, without conf.d.
/// @param name stands for the file in problems
[[nodiscard]] loaded parse_config(std::string_view toml, std::string_view name,
                                  std::string_view default_hostname,
                                  const io::variable_map& variables = {});

/// The keys whose values differ and cannot be changed by a reload: "server.listen".
[[nodiscard]] std::vector<std::string> waiting_for_restart(startup_config now,
                                                           startup_config wanted);

} // namespace fendmail::app

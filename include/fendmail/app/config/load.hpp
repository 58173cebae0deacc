// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/config.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// TOML text → configuration, with every error of all files at once.
///
/// Source: docs/configuration.md, which is made from the same table of keys (keys.hpp).
/// Errors: each problem names file, line and column and what to write instead; none is thrown.
namespace fendmail::app {

struct problem {
    std::string file;
    unsigned line = 0;   ///< 1-based; 0 = the file as a whole
    unsigned column = 0; ///< 1-based
    bool fatal = true;   ///< false: a warning, the configuration can be used
    std::string text;

    friend bool operator==(const problem&, const problem&) = default;
};
/// "FILE:LINE:COLUMN: error: TEXT" or "… warning: TEXT".
[[nodiscard]] std::string to_text(const problem& p);

struct loaded {
    std::optional<config> value;   ///< none when there is any fatal problem
    std::vector<problem> problems; ///< in order of file, line, column
};

/// Reads FILE and, in lexical order, conf.d/*.toml beside it, and the access files they name.
/// @param default_hostname used where server.hostname is ""
[[nodiscard]] loaded load_config(const std::filesystem::path& file,
                                 std::string_view default_hostname);
/// The same for text that is in memory, without conf.d.
/// @param name stands for the file in problems
[[nodiscard]] loaded parse_config(std::string_view toml, std::string_view name,
                                  std::string_view default_hostname);

} // namespace fendmail::app

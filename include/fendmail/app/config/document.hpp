// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/problems.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// TOML text as a tree of our own, with the place of everything in it, so that only one file has
/// to compile toml++ and nothing else depends on it.
///
/// Source: TOML 1.0.
/// Errors: a syntax error is one problem, at its place; there is no tree then.
/// Threads: values only.
namespace fendmail::app {

struct toml_value {
    enum class kind : std::uint8_t { text, integer, fraction, boolean, date, list, table };
    kind what = kind::table;
    place where{};
    std::string name{}; ///< in a table: what stands left of "="
    place name_where{};
    std::string text{};
    std::int64_t number = 0;            ///< of an integer; 0 or 1 for a boolean
    std::vector<toml_value> items = {}; ///< of a list in order, of a table in any order
};

/// What [[tls.certificate]] is called in the tree. TOML has no place for both it and the key of
/// that name, but the names are fixed; so the headers are read under another one, of the same
/// length.
inline constexpr std::string_view certificate_tables = "certificat_";

[[nodiscard]] std::optional<toml_value> parse_document(std::string_view toml, std::size_t file,
                                                       problem_list& problems);

} // namespace fendmail::app

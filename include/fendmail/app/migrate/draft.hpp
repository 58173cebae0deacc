// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/migrate/sources.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// A fendmail.toml in the making: keys with comments, in the order of the table of keys.
///
/// Memory: its text.
/// Errors: a key that this version does not have, or not yet, is written as a comment and is a
/// remark, so that the result can be used at once.
/// Threads: one owner.
namespace fendmail::app::postscreen {

/// A comment, and whether the admin must look at it.
struct comment {
    std::string text;
    bool is_urgent = false;
};

class draft {
public:
    /// @pre the table of keys has such a key
    /// @param toml the value as written in TOML, maybe of several lines
    void put(std::string_view section, std::string_view name, std::string toml,
             std::vector<comment> comments = {});
    /// A comment at a key that stands there already, or else in its section.
    void add_comment(std::string_view section, std::string_view name, comment what);
    /// At the end of the file.
    /// A table "[[section.name]]" behind the section's keys.
    void add_table(std::string_view section, std::string_view name,
                   std::vector<std::pair<std::string, std::string>> keys,
                   std::vector<comment> comments);
    void add_leftover(comment what) { leftovers_.push_back(std::move(what)); }
    /// Behind everything else, unless `gist` is in a comment that the admin must look at.
    void add_warning(std::string text, std::string_view gist);
    void warn(place at, std::string text) { remarks.push_back({std::move(at), std::move(text)}); }

    /// @param head comment lines without "#"
    [[nodiscard]] std::string to_toml(const std::vector<std::string>& head) const;

    std::vector<remark> remarks;

private:
    struct entry {
        std::string section;
        std::string name; ///< "" = comments of the section
        std::string toml;
        std::vector<comment> comments;
    };
    [[nodiscard]] entry* find(std::string_view section, std::string_view name);
    [[nodiscard]] std::vector<const entry*> entries_of(std::string_view section) const;

    [[nodiscard]] bool tells(std::string_view gist) const;

    struct table {
        std::string section;
        std::string name;
        std::vector<std::pair<std::string, std::string>> keys; ///< and their values as TOML
        std::vector<comment> comments;
    };
    void append_tables(std::string& out, std::string_view section) const;

    std::vector<entry> entries_;
    std::vector<table> tables_;
    std::vector<comment> leftovers_;
    std::vector<comment> warnings_;
};

/// A TOML string. "${" would name an environment variable, so its "$" is left out: `broken` says
/// that this happened.
[[nodiscard]] std::string toml_text(std::string_view text, bool* broken = nullptr);
/// A list; on lines of its own when it is long.
[[nodiscard]] std::string toml_list(const std::vector<std::string>& texts);
/// { "a" = "b" }
[[nodiscard]] std::string toml_table(const std::vector<std::pair<std::string, std::string>>& pairs);

} // namespace fendmail::app::postscreen

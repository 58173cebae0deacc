// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "document.hpp"
#include "fendmail/app/config/keys.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The values of all keys, each of its type, from the defaults and the files laid over them.
///
/// Errors: unknown sections and keys, wrong types, values out of range, keys that this version
/// does not build yet, unset environment variables. What a string means is not looked at here.
/// Threads: one owner.
namespace fendmail::app {

struct text_item {
    std::string text;    ///< with ${NAME} replaced
    std::string written; ///< as in the file, for messages and logs: it holds no secret
    place where;
};

struct setting {
    std::vector<text_item> texts; ///< one for `text` and `choice`; the elements of a list
    std::vector<std::pair<text_item, text_item>> pairs; ///< of a table
    /// Integer, milliseconds, octets, 0 or 1 for a boolean, or the index of a choice.
    std::int64_t number = 0;
    place where;         ///< of the value; line 0 for a default
    bool broken = false; ///< some file has an error here: no more errors from what is left
};

/// What a named section has under one name, such as "zen.spamhaus.org".
struct named_table {
    const named_section* of = nullptr;
    text_item name;              ///< of [[section.name]] only the place
    std::vector<setting> values; ///< in the order of of->keys; its default where nobody wrote it

    /// @pre the section has such a key
    [[nodiscard]] const setting& get(std::string_view key_name) const;
    [[nodiscard]] const text_item& text(std::string_view key_name) const
    {
        return get(key_name).texts.front();
    }
};

class settings {
public:
    /// Every key at its default.
    settings();

    /// Lays a file over what is there.
    void apply(const toml_value& document, problem_list& problems);

    /// @pre the table of keys has this one
    [[nodiscard]] const setting& get(std::string_view section, std::string_view name) const;
    /// The tables of a named section, in the order in which they were written.
    [[nodiscard]] std::vector<named_table> tables(std::string_view section,
                                                  std::string_view name) const;

private:
    void apply_section(const toml_value& content, problem_list& problems);
    void apply_tables(const named_section& of, const toml_value& content, problem_list& problems);
    void apply_table(const named_section& of, const toml_value& content, problem_list& problems);
    void apply_list(const named_section& of, const toml_value& content, problem_list& problems);

    std::vector<named_table> tables_;
    std::vector<setting> values_; ///< in the order of all_keys()
};

} // namespace fendmail::app

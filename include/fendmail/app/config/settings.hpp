// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/document.hpp"
#include "fendmail/app/config/keys.hpp"
#include "fendmail/app/config/variables.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The values of all keys, each of its type: the defaults, over them the files, over these the
/// variables of the environment.
///
/// Errors: unknown sections, keys and variables, wrong types, values out of range, keys that this
/// version does not build yet, unset environment variables. What a string means is not looked at
/// here.
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
    std::string header;          ///< as messages call it: dnsbl.list."zen.spamhaus.org"
    std::vector<setting> values; ///< in the order of of->keys; its default where it is not written

    /// @pre the section has such a key
    [[nodiscard]] const setting& get(std::string_view key_name) const;
    [[nodiscard]] const text_item& text(std::string_view key_name) const
    {
        return get(key_name).texts.front();
    }
    /// Gives the members that the keys have in the struct of such a table their values.
    template <class Table>
    void read(Table& into, problem_list& problems) const
    {
        store(&into, problems);
    }

private:
    void store(void* into, problem_list& problems) const;
};

class settings {
public:
    /// Every key at its default.
    /// @param variables the environment, which has to live as long
    explicit settings(const io::variable_map& variables);

    /// Lays a file over what is there.
    void apply(const toml_value& document, problem_list& problems);
    /// To be called when all files are there: [[backend]], if it stands there once, is [backend].
    void finish(problem_list& problems);
    /// Lays the variables over what is there, [[backend]] too.
    void apply_variables(problem_list& problems);
    /// To be called last, with all files there: a variable that only ${NAME} asks for is no key.
    void warn_of_unknown_variables(problem_list& problems) const;

    /// @pre the table of keys has this one
    [[nodiscard]] const setting& get(std::string_view section, std::string_view name) const;
    /// The tables of a named section, in the order in which they were written.
    [[nodiscard]] std::vector<named_table> tables(std::string_view section,
                                                  std::string_view name) const;

private:
    void set(const key& k, const toml_value& content, problem_list& problems);
    void apply_section(const toml_value& content, problem_list& problems);
    void apply_tables(const named_section& of, const toml_value& content, problem_list& problems);
    void apply_table(const named_section& of, const toml_value& content, problem_list& problems);
    void apply_list(const named_section& of, const toml_value& content, problem_list& problems);

    /// Where a section stands first that might be there as tables as well.
    [[nodiscard]] place place_of_section(std::string_view name) const;

    std::vector<std::pair<std::string, place>> sections_; ///< in the order of the files
    std::vector<named_table> tables_;
    std::vector<setting> values_; ///< in the order of all_keys()
    expansion names_;
};

} // namespace fendmail::app

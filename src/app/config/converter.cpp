// SPDX-License-Identifier: Apache-2.0
#include "converter.hpp"

#include "fendmail/core/assert.hpp"
#include "fendmail/core/units.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <limits>

namespace fendmail::app {

namespace {

using kind = toml_value::kind;

std::string_view expected_text(key_type t)
{
    switch (t) {
    case key_type::text:
    case key_type::choice: return "a string";
    case key_type::text_list: return "a list of strings such as [\"a\", \"b\"]";
    case key_type::boolean: return "true or false";
    case key_type::integer: return "a whole number";
    case key_type::duration: return "a duration such as \"6s\"";
    case key_type::size: return "a size such as \"64KiB\" or a whole number of octets";
    case key_type::text_map: return "a table such as { \"name\" = \"text\" }";
    case key_type::number_map: return "a table such as { \"name\" = 3 }";
    }
    FENDMAIL_ASSERT(false);
    return {};
}

/// Turns one value into a setting of the key's type.
class converter {
public:
    converter(const key& k, expansion& names, problem_list& problems)
        : key_{k}
        , names_{names}
        , problems_{problems}
    {
    }

    [[nodiscard]] std::optional<setting> convert(const toml_value& value)
    {
        out_.where = value.where;
        if (!has_right_kind(value))
            fail(value.where, fmt::format("expected {}, found {}", expected_text(key_.type),
                                          kind_text(value.what)));
        else
            read(value);
        if (failed_) return std::nullopt;
        return std::move(out_);
    }

private:
    [[nodiscard]] bool has_right_kind(const toml_value& value) const
    {
        switch (key_.type) {
        case key_type::text:
        case key_type::choice:
        case key_type::duration: return value.what == kind::text;
        case key_type::text_list: return value.what == kind::list;
        case key_type::boolean: return value.what == kind::boolean;
        case key_type::integer: return value.what == kind::integer;
        case key_type::size: return value.what == kind::text || value.what == kind::integer;
        case key_type::text_map:
        case key_type::number_map: return value.what == kind::table;
        }
        FENDMAIL_ASSERT(false);
        return false;
    }

    void read(const toml_value& value)
    {
        switch (key_.type) {
        case key_type::text: out_.texts.push_back(expand(value.text, value.where)); break;
        case key_type::choice: read_choice(expand(value.text, value.where)); break;
        case key_type::text_list: read_list(value); break;
        case key_type::boolean: out_.number = value.number; break;
        case key_type::integer: set_number(value.number, std::to_string(value.number)); break;
        case key_type::duration: read_duration(expand(value.text, value.where)); break;
        case key_type::size: read_size(value); break;
        case key_type::text_map:
        case key_type::number_map: read_map(value); break;
        }
    }

    void read_choice(text_item item)
    {
        const auto& choices = key_.choices;
        const auto found = std::ranges::find(choices, item.text);
        if (found == choices.end()) {
            const std::string_view meant = nearest(item.text, choices);
            fail(item.where,
                 fmt::format("expected {}, found {}{}", type_text(key_), in_quotes(item.written),
                             meant.empty() ? "" : fmt::format("; did you mean \"{}\"?", meant)));
            return;
        }
        out_.number = found - choices.begin();
        out_.texts.push_back(std::move(item));
    }

    void read_list(const toml_value& value)
    {
        for (const toml_value& item : value.items) {
            if (item.what == kind::text)
                out_.texts.push_back(expand(item.text, item.where));
            else
                fail(item.where, fmt::format("expected a string, found {}", kind_text(item.what)));
        }
    }

    void read_map(const toml_value& value)
    {
        const bool is_of_numbers = key_.type == key_type::number_map;
        for (const toml_value& item : value.items) {
            if (item.what != (is_of_numbers ? kind::integer : kind::text)) {
                fail(item.where, fmt::format("expected {}, found {}",
                                             is_of_numbers ? "a whole number" : "a string",
                                             kind_text(item.what)));
                continue;
            }
            auto name = expand(item.name, item.name_where);
            out_.pairs.emplace_back(std::move(name), is_of_numbers ? number_item(item)
                                                                   : expand(item.text, item.where));
        }
        // toml++ sorts by name; a place in the file is what an admin expects.
        std::ranges::sort(out_.pairs, [](const auto& a, const auto& b) {
            return std::pair(a.first.where.line, a.first.where.column) <
                   std::pair(b.first.where.line, b.first.where.column);
        });
    }

    /// In its range.
    [[nodiscard]] text_item number_item(const toml_value& item)
    {
        const auto written = std::to_string(item.number);
        if (item.number < key_.min || item.number > key_.max)
            fail(item.where, fmt::format("expected a whole number from {} to {}, found {}",
                                         key_.min, key_.max, written));
        return {written, written, item.where};
    }

    void read_duration(const text_item& item)
    {
        if (failed_) return;
        const auto parsed = parse_duration(item.text);
        if (!parsed)
            fail(item.where,
                 fmt::format("{} (found {})", message(parsed.error()), in_quotes(item.written)));
        else
            set_number(parsed->count(), in_quotes(item.written));
    }

    void read_size(const toml_value& value)
    {
        if (value.what == kind::integer)
            return set_number(value.number, std::to_string(value.number));
        const text_item item = expand(value.text, value.where);
        if (failed_) return;
        const auto parsed = parse_size(item.text);
        if (!parsed)
            return fail(item.where, fmt::format("{} (found {})", message(parsed.error()),
                                                in_quotes(item.written)));
        constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
        set_number(static_cast<std::int64_t>(std::min(*parsed, most)), in_quotes(item.written));
    }

    void set_number(std::int64_t number, std::string_view written)
    {
        out_.number = number;
        if (number < key_.min || number > key_.max)
            fail(out_.where, fmt::format("expected a {}, found {}", type_text(key_), written));
        else if (number % key_.step != 0)
            fail(out_.where, fmt::format("expected whole seconds, found {}", written));
    }

    /// Replaces each ${NAME} by that environment variable.
    [[nodiscard]] text_item expand(const std::string& written, place where)
    {
        text_item out{{}, written, where};
        std::string_view rest = written;
        for (;;) {
            const std::size_t start = rest.find("${");
            out.text += rest.substr(0, start);
            if (start == std::string_view::npos) return out;
            rest.remove_prefix(start + 2);
            const std::size_t end = rest.find('}');
            const std::string name{rest.substr(0, end)};
            if (end == std::string_view::npos || !is_name(name)) {
                fail(where, fmt::format("write \"${{NAME}}\" with the name of an environment "
                                        "variable (found {})",
                                        in_quotes(written)));
                return out;
            }
            rest.remove_prefix(end + 1);
            if (const auto value = names_.find(name))
                out.text += *value;
            else
                fail(where, fmt::format("the environment variable {} is not set", name));
        }
    }

    void fail(place where, std::string_view text)
    {
        failed_ = true;
        problems_.error(where, fmt::format("{}.{}: {}", key_.section, key_.name, text));
    }

    const key& key_;
    expansion& names_;
    problem_list& problems_;
    setting out_;
    bool failed_ = false;
};

} // namespace

std::string_view kind_text(toml_value::kind k)
{
    switch (k) {
    case kind::text: return "a string";
    case kind::integer: return "an integer";
    case kind::fraction: return "a number with a fraction";
    case kind::boolean: return "a boolean";
    case kind::date: return "a date or time";
    case kind::list: return "an array";
    case kind::table: return "a table";
    }
    FENDMAIL_ASSERT(false);
    return {};
}

bool is_name(std::string_view text)
{
    const auto is_letter = [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
    };
    return !text.empty() && is_letter(text.front()) && std::ranges::all_of(text, [&](char c) {
        return is_letter(c) || (c >= '0' && c <= '9');
    });
}

std::optional<setting> convert_value(const key& k, const toml_value& value, expansion& names,
                                     problem_list& problems)
{
    return converter{k, names, problems}.convert(value);
}

setting default_of(const key& k)
{
    problem_list problems;
    const io::variable_map no_variables;
    expansion names{no_variables};
    const std::size_t file = problems.add_file("the defaults");
    const auto document =
        parse_document(fmt::format("{} = {}\n", k.name, k.default_toml), file, problems);
    FENDMAIL_ASSERT(document);
    auto value = convert_value(k, document->items.front(), names, problems);
    FENDMAIL_ASSERT(value);
    // These are not written anywhere: a problem with one is a problem with the file as a whole.
    value->where = {};
    for (text_item& text : value->texts)
        text.where = {};
    return *value;
}

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#include "converter.hpp"
#include "fendmail/core/assert.hpp"
#include "settings.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <iterator>
#include <tuple>

// The part of settings about tables with names.
namespace fendmail::app {

namespace {

bool stands_before(const toml_value& a, const toml_value& b)
{
    return std::tie(a.name_where.line, a.name_where.column) <
           std::tie(b.name_where.line, b.name_where.column);
}

/// The default of a key, as if nobody had written it.
setting default_of(const key& k)
{
    problem_list problems;
    const std::size_t file = problems.add_file("the defaults");
    const auto document =
        parse_document(fmt::format("{} = {}\n", k.name, k.default_toml), file, problems);
    FENDMAIL_ASSERT(document);
    auto value = convert_value(k, document->items.front(), problems);
    FENDMAIL_ASSERT(value);
    value->where = {};
    for (text_item& text : value->texts)
        text.where = {};
    return *value;
}

/// The name that was meant where its quotes were forgotten: each dot has made a table then. "" when
/// nothing in the table is one.
std::string dotted_name(const toml_value& table)
{
    const auto inner = std::ranges::find(table.items, toml_value::kind::table, &toml_value::what);
    if (inner == table.items.end()) return {};
    const std::string rest = dotted_name(*inner);
    return fmt::format("{}.{}", table.name, rest.empty() ? inner->name : rest);
}

std::string unknown_text(const named_section& of, std::string_view where, std::string_view name)
{
    std::vector<std::string_view> known;
    for (const key& k : of.keys)
        known.push_back(k.name);
    const std::string start = fmt::format("unknown key {} in [{}]", in_quotes(name), where);
    if (const std::string_view meant = nearest(name, known); !meant.empty())
        return fmt::format("{}; did you mean \"{}\"?", start, meant);
    return fmt::format("{}; the keys are {}", start, fmt::join(known, ", "));
}

/// Lays what a table has over what is there.
void fill(named_table& table, const std::string& header, const toml_value& content,
          problem_list& problems)
{
    const named_section& of = *table.of;
    for (const toml_value& item : content.items) {
        const key* const k = of.find(item.name);
        if (k == nullptr) {
            problems.error(item.name_where, unknown_text(of, header, item.name));
            continue;
        }
        key shown = *k; // messages name the table
        shown.section = header;
        setting& value = table.values[static_cast<std::size_t>(k - of.keys.data())];
        auto converted = convert_value(shown, item, problems);
        if (!converted) {
            value.broken = true;
            continue;
        }
        const bool broken = value.broken;
        value = std::move(*converted);
        value.broken = broken;
    }
}

} // namespace

const setting& named_table::get(std::string_view key_name) const
{
    const key* const found = of->find(key_name);
    FENDMAIL_ASSERT(found != nullptr);
    return values[static_cast<std::size_t>(found - of->keys.data())];
}

std::vector<named_table> settings::tables(std::string_view section, std::string_view name) const
{
    const auto* of = find_named_section(section, name);
    if (of == nullptr) of = find_table_list(section, name);
    FENDMAIL_ASSERT(of != nullptr);
    std::vector<named_table> out;
    std::ranges::copy_if(tables_, std::back_inserter(out),
                         [of](const named_table& t) { return t.of == of; });
    return out;
}

void settings::apply_tables(const named_section& of, const toml_value& content,
                            problem_list& problems)
{
    auto items = content.items;
    std::ranges::sort(items, stands_before); // toml++ sorts by name
    const bool is_right = content.what == toml_value::kind::table &&
                          std::ranges::all_of(items, [](const toml_value& item) {
                              return item.what == toml_value::kind::table;
                          });
    if (!is_right) {
        problems.error(content.name_where,
                       fmt::format("{0}.{1}: write each as a table [{0}.{1}.\"{2}\"]", of.section,
                                   of.name, of.placeholder));
        return;
    }
    for (const toml_value& item : items)
        apply_table(of, item, problems);
}

void settings::apply_table(const named_section& of, const toml_value& content,
                           problem_list& problems)
{
    // Names hold what strings do, ${NAME} too.
    toml_value written;
    written.what = toml_value::kind::text;
    written.text = content.name;
    written.where = content.name_where;
    const std::string section = fmt::format("{}.{}", of.section, of.name);
    if (const std::string meant = dotted_name(content); !meant.empty()) {
        problems.error(content.name_where,
                       fmt::format("{}: a name with dots stands in quotes: [{}.{}]", section,
                                   section, in_quotes(meant)));
        return;
    }
    const auto name = convert_value({.section = of.section, .name = of.name}, written, problems);
    if (!name) return;
    const std::string header = fmt::format("{}.{}", section, in_quotes(content.name));

    auto table = std::ranges::find_if(tables_, [&](const named_table& t) {
        return t.of == &of && t.name.text == name->texts.front().text;
    });
    if (table == tables_.end()) {
        named_table made{&of, name->texts.front(), {}};
        for (const key& k : of.keys)
            made.values.push_back(default_of(k));
        tables_.push_back(std::move(made));
        table = std::prev(tables_.end());
    }
    fill(*table, header, content, problems);
}

void settings::apply_list(const named_section& of, const toml_value& content,
                          problem_list& problems)
{
    const std::string header = fmt::format("{}.{}", of.section, of.name);
    for (const toml_value& item : content.items) {
        if (item.what != toml_value::kind::table) {
            problems.error(item.where, fmt::format("{0}: write each as a table [[{0}]]", header));
            continue;
        }
        named_table made{&of, {{}, {}, item.where}, {}};
        for (const key& k : of.keys)
            made.values.push_back(default_of(k));
        fill(made, header, item, problems);
        tables_.push_back(std::move(made));
    }
}

} // namespace fendmail::app

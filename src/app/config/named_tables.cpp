// SPDX-License-Identifier: Apache-2.0
#include "converter.hpp"
#include "fendmail/app/config/settings.hpp"
#include "fendmail/app/config/value_place.hpp"
#include "fendmail/core/assert.hpp"

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

/// Messages name the table.
key shown_key(const named_table& table, const key& k)
{
    key shown = k;
    shown.section = table.header;
    return shown;
}

/// Lays what a table has over what is there.
void fill(named_table& table, const toml_value& content, expansion& names, problem_list& problems)
{
    const named_section& of = *table.of;
    for (const toml_value& item : content.items) {
        const key* const k = of.find(item.name);
        if (k == nullptr) {
            problems.error(item.name_where, unknown_text(of, table.header, item.name));
            continue;
        }
        const key shown = shown_key(table, *k);
        setting& value = table.values[static_cast<std::size_t>(k - of.keys.data())];
        auto converted = convert_value(shown, item, names, problems);
        if (!converted) {
            value.broken = true;
            continue;
        }
        const bool broken = value.broken;
        value = std::move(*converted);
        value.broken = broken;
    }
}

/// "3", or "/etc/fendmail/conf.d/b.toml:3" where that is not the file of `from`.
std::string line_text(place where, place from, const problem_list& problems)
{
    if (where.file == from.file) return fmt::format("in line {}", where.line);
    return fmt::format("at {}:{}", problems.file_name(where.file), where.line);
}

void check_unique(const named_table& made, const std::vector<named_table>& before,
                  problem_list& problems)
{
    if (made.of->unique.empty()) return;
    const text_item& own = made.text(made.of->unique);
    if (own.text.empty()) return;
    const auto same = std::ranges::find_if(before, [&](const named_table& other) {
        return other.of == made.of && other.text(made.of->unique).text == own.text;
    });
    if (same == before.end()) return;
    problems.error(own.where,
                   fmt::format("{}.{}: the table {} has this already (found {})", made.header,
                               made.of->unique, line_text(same->name.where, own.where, problems),
                               in_quotes(own.written)));
}

} // namespace

const setting& named_table::get(std::string_view key_name) const
{
    const key* const found = of->find(key_name);
    FENDMAIL_ASSERT(found != nullptr);
    return values[static_cast<std::size_t>(found - of->keys.data())];
}

void named_table::store(void* into, problem_list& problems) const
{
    for (std::size_t i = 0; i < values.size(); ++i)
        if (const key& k = of->keys[i]; k.place)
            k.place->store(shown_key(*this, k), values[i], into, problems);
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
        problems.error(content.name_where, fmt::format("{0}: write each as a table [{0}.\"{1}\"]",
                                                       of.full_name(), of.placeholder));
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
    const std::string section = of.full_name();
    if (const std::string meant = dotted_name(content); !meant.empty()) {
        problems.error(content.name_where,
                       fmt::format("{}: a name with dots stands in quotes: [{}.{}]", section,
                                   section, in_quotes(meant)));
        return;
    }
    const auto name =
        convert_value({.section = std::string{of.section},
                       .name = std::string{of.name.empty() ? of.placeholder : of.name}},
                      written, names_, problems);
    if (!name) return;
    const std::string header = fmt::format("{}.{}", section, in_quotes(content.name));

    auto table = std::ranges::find_if(tables_, [&](const named_table& t) {
        return t.of == &of && t.name.text == name->texts.front().text;
    });
    if (table == tables_.end()) {
        named_table made{&of, name->texts.front(), header, {}};
        for (const key& k : of.keys)
            made.values.push_back(default_of(k));
        tables_.push_back(std::move(made));
        table = std::prev(tables_.end());
    }
    fill(*table, content, names_, problems);
}

void settings::apply_list(const named_section& of, const toml_value& content,
                          problem_list& problems)
{
    const std::string header = of.full_name();
    for (const toml_value& item : content.items) {
        if (item.what != toml_value::kind::table) {
            problems.error(item.where, fmt::format("{0}: write each as a table [[{0}]]", header));
            continue;
        }
        named_table made{&of, {{}, {}, item.where}, header, {}};
        for (const key& k : of.keys)
            made.values.push_back(default_of(k));
        fill(made, item, names_, problems);
        check_unique(made, tables_, problems);
        tables_.push_back(std::move(made));
    }
}

place settings::place_of_section(std::string_view name) const
{
    const auto found = std::ranges::find(sections_, name, &std::pair<std::string, place>::first);
    return found == sections_.end() ? place{} : found->second;
}

void settings::finish(problem_list& problems)
{
    for (const named_section& list : all_table_lists()) {
        if (!list.name.empty()) continue;
        const auto all = tables(list.section, list.name);
        if (all.empty()) continue;
        if (const place section = place_of_section(list.section); section.line != 0) {
            const place where = all.front().name.where;
            problems.error(where, fmt::format("{0}: write [{0}] or [[{0}]], not both; [{0}] stands "
                                              "{1}",
                                              list.section, line_text(section, where, problems)));
            continue;
        }
        // Several are for the section to judge.
        if (all.size() > 1) continue;
        for (std::size_t i = 0; i < list.keys.size(); ++i)
            if (const key* k = find_key(list.section, list.keys[i].name))
                values_[static_cast<std::size_t>(k - all_keys().data())] = all.front().values[i];
    }
}

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/settings.hpp"

#include "converter.hpp"
#include "fendmail/core/assert.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <optional>

namespace fendmail::app {

namespace {

using kind = toml_value::kind;

std::string unknown_section_text(std::string_view name)
{
    std::vector<std::string_view> known;
    for (const section& s : all_sections())
        known.push_back(s.name);
    // A name that is no bare one can hold anything, line ends too.
    const std::string start =
        fmt::format("unknown section [{}]", is_name(name) ? std::string(name) : in_quotes(name));
    if (const std::string_view meant = nearest(name, known); !meant.empty())
        return fmt::format("{}; did you mean [{}]?", start, meant);
    return fmt::format("{}; the sections are {}", start, fmt::join(known, ", "));
}

/// A key outside every section: most likely it stands above its section.
std::string homeless_key_text(std::string_view name)
{
    for (const key& k : all_keys())
        if (k.name == name)
            return fmt::format("unknown key {} outside of a section; did you mean [{}] {}?",
                               in_quotes(name), k.section, name);
    return fmt::format("unknown key {} outside of a section", in_quotes(name));
}

std::string unknown_key_text(std::string_view in, std::string_view name)
{
    std::vector<std::string_view> known;
    for (const key& k : all_keys())
        if (k.section == in) known.push_back(k.name);
    for (const named_section& s : all_named_sections())
        if (s.section == in) known.push_back(s.name);
    const std::string start = fmt::format("unknown key {} in [{}]", in_quotes(name), in);
    if (const std::string_view meant = nearest(name, known); !meant.empty())
        return fmt::format("{}; did you mean \"{}\"?", start, meant);
    for (const key& k : all_keys())
        if (k.name == name)
            return fmt::format("{}; did you mean [{}] {}?", start, k.section, k.name);
    return fmt::format("{}; the keys are {}", start, fmt::join(known, ", "));
}

} // namespace

settings::settings(const io::variable_map& variables)
    : values_(all_keys().size())
    , names_{variables}
{
    problem_list problems;
    const std::size_t file = problems.add_file("the defaults");
    const auto document = parse_document(default_config_text(), file, problems);
    FENDMAIL_ASSERT(document);
    for (const toml_value& in : document->items)
        for (const toml_value& item : in.items) {
            const key* k = find_key(in.name, item.name);
            FENDMAIL_ASSERT(k != nullptr);
            const auto converted = convert_value(*k, item, names_, problems);
            FENDMAIL_ASSERT(converted);
            setting& value = values_[static_cast<std::size_t>(k - all_keys().data())];
            value = *converted;
            // These are not written anywhere: a problem with one is a problem with the file as a
            // whole.
            value.where = {};
            for (text_item& text : value.texts)
                text.where = {};
        }
}

void settings::apply(const toml_value& document, problem_list& problems)
{
    for (const toml_value& content : document.items) {
        const bool known = std::ranges::any_of(
            all_sections(), [&](const section& s) { return s.name == content.name; });
        if (content.what != kind::table && !known)
            problems.error(content.name_where, homeless_key_text(content.name));
        else if (!known)
            problems.error(content.name_where, unknown_section_text(content.name));
        else if (const auto* list = find_table_list(content.name, "");
                 list != nullptr && content.what == kind::list && !content.items.empty())
            apply_list(*list, content, problems);
        else if (content.what != kind::table)
            problems.error(content.where, fmt::format("expected a section [{}], found {}",
                                                      content.name, kind_text(content.what)));
        else {
            sections_.emplace_back(content.name, content.name_where);
            apply_section(content, problems);
        }
    }
}

void settings::apply_section(const toml_value& content, problem_list& problems)
{
    if (const auto* named = find_named_section(content.name, ""))
        return apply_tables(*named, content, problems);
    for (const toml_value& item : content.items) {
        if (const auto* named = find_named_section(content.name, item.name)) {
            apply_tables(*named, item, problems);
            continue;
        }
        const bool is_renamed = content.name == "tls" && item.name == certificate_tables;
        const auto* list = find_table_list(content.name, is_renamed ? "certificate" : item.name);
        if (list != nullptr && item.what == kind::list) {
            apply_list(*list, item, problems);
            continue;
        }
        const key* k = find_key(content.name, item.name);
        if (k == nullptr) {
            problems.error(item.name_where, unknown_key_text(content.name, item.name));
            continue;
        }
        set(*k, item, problems);
    }
}

void settings::set(const key& k, const toml_value& content, problem_list& problems)
{
    setting& value = values_[static_cast<std::size_t>(&k - all_keys().data())];
    auto converted = convert_value(k, content, names_, problems);
    if (!converted) {
        value.broken = true;
        return;
    }
    const bool broken = value.broken;
    value = std::move(*converted);
    value.broken = broken;
}

const setting& settings::get(std::string_view section, std::string_view name) const
{
    const key* k = find_key(section, name);
    FENDMAIL_ASSERT(k != nullptr);
    return values_[static_cast<std::size_t>(k - all_keys().data())];
}

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/keys.hpp"

#include "fendmail/app/config/section_source.hpp"
#include "sections/all.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <vector>

namespace fendmail::app {

namespace {

constexpr std::array sources{
    &server_section,
    &backend_section,
    &proxy_protocol_section,
    &access_section,
    &senders_section,
    &recipients_section,
    &greet_section,
    &dnsbl_section,
    &client_name_section,
    &feed_section,
    &networks_section,
    &pipelining_section,
    &non_smtp_command_section,
    &bare_newline_section,
    &deep_section,
    &dialog_section,
    &limits_section,
    &rates_section,
    &bans_section,
    &grey_section,
    &store_section,
    &tls_section,
    &log_section,
    &admin_section,
};

struct key_table {
    key_table()
    {
        for (const section_source* source : sources) {
            sections.push_back(source->about);
            section_rows rows{source->about.name, keys, named, lists};
            source->describe(rows);
        }
    }
    std::vector<section> sections;
    std::vector<key> keys;
    std::vector<named_section> named;
    std::vector<named_section> lists;
};

const key_table& table()
{
    static const key_table made;
    return made;
}

const named_section* find_in(std::span<const named_section> all, std::string_view section,
                             std::string_view name) noexcept
{
    const auto found = std::ranges::find_if(
        all, [&](const named_section& s) { return s.section == section && s.name == name; });
    return found == all.end() ? nullptr : &*found;
}

} // namespace

std::span<const section_source* const> all_section_sources()
{
    return sources;
}

std::span<const section> all_sections()
{
    return table().sections;
}

std::span<const key> all_keys()
{
    return table().keys;
}

std::span<const named_section> all_named_sections()
{
    return table().named;
}

std::span<const named_section> all_table_lists()
{
    return table().lists;
}

const key* find_key(std::string_view section, std::string_view name)
{
    const auto& keys = table().keys;
    const auto found = std::ranges::find_if(
        keys, [&](const key& k) { return k.section == section && k.name == name; });
    return found == keys.end() ? nullptr : &*found;
}

const named_section* find_named_section(std::string_view section, std::string_view name)
{
    return find_in(all_named_sections(), section, name);
}

const named_section* find_table_list(std::string_view section, std::string_view name)
{
    return find_in(all_table_lists(), section, name);
}

std::string named_section::full_name() const
{
    return name.empty() ? std::string{section} : fmt::format("{}.{}", section, name);
}

std::string named_section::header(std::string_view of_name) const
{
    if (placeholder.empty()) return fmt::format("[[{}]]", full_name());
    return fmt::format("[{}.\"{}\"]", full_name(), of_name);
}

bool named_section::is_of_section(const key& k) const
{
    return name.empty() && find_key(section, k.name) != nullptr;
}

const key* named_section::find(std::string_view key_name) const noexcept
{
    const auto found = std::ranges::find(keys, key_name, &key::name);
    return found == keys.end() ? nullptr : &*found;
}

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/variables.hpp"

#include "fendmail/app/config/section_builder.hpp"
#include "fendmail/app/config/value_form.hpp"
#include "fendmail/core/assert.hpp"
#include "fendmail/core/text/ascii.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace fendmail::app {

namespace {

/// A string as TOML has it on one line. Quotes in a list of `docker compose` come as a part of the
/// value.
bool is_in_quotes(std::string_view text)
{
    return text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
           text.back() == text.front();
}

bool is_number(std::string_view text)
{
    if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
    return !text.empty() && std::ranges::all_of(text, is_digit);
}

/// "[::]:25" is no list, but its one element.
bool is_list(std::string_view text)
{
    if (!text.starts_with('[')) return false;
    const auto inside = trimmed(text.substr(1));
    return inside.starts_with('"') || inside.starts_with('\'') || inside.starts_with(']');
}

std::string list_toml(std::string_view text)
{
    std::string out;
    while (!text.empty()) {
        const auto comma = std::min(text.find(','), text.size());
        out += fmt::format("{}{}", out.empty() ? "" : ", ",
                           toml_string(trimmed(text.substr(0, comma))));
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return fmt::format("[{}]", out);
}

/// Takes digits off the end.
bool remove_number(std::string_view& text) noexcept
{
    const auto before = text.size();
    while (!text.empty() && is_digit(text.back()))
        text.remove_suffix(1);
    return text.size() != before;
}

} // namespace

std::string variable_of(const key& k)
{
    return fmt::format("{}{}_{}", variable_prefix, to_upper(k.section), to_upper(k.name));
}

std::vector<const key*> keys_of_variable(std::string_view variable, std::span<const key> keys)
{
    std::vector<const key*> out;
    for (const key& k : keys)
        if (variable_of(k) == variable) out.push_back(&k);
    return out;
}

std::string variable_toml(const key& k, std::string_view value)
{
    const auto text = trimmed(value);
    switch (k.type) {
    case key_type::text:
    case key_type::choice:
    case key_type::duration: return is_in_quotes(text) ? std::string{text} : toml_string(value);
    case key_type::size:
        return is_in_quotes(text) || is_number(text) ? std::string{text} : toml_string(text);
    case key_type::integer: return is_number(text) ? std::string{text} : toml_string(text);
    case key_type::boolean:
        return text == "true" || text == "false" ? std::string{text} : toml_string(text);
    case key_type::text_list: return is_list(text) ? std::string{text} : list_toml(text);
    case key_type::text_map:
    case key_type::number_map: return text.starts_with('{') ? std::string{text} : toml_string(text);
    }
    FENDMAIL_ASSERT(false);
    return {};
}

bool is_service_variable(std::string_view variable, std::string_view value) noexcept
{
    for (const std::string_view end : {"_SERVICE_HOST", "_SERVICE_PORT"})
        if (variable.ends_with(end)) return true;
    // FENDMAIL_PORT=tcp://192.0.2.1:25; FENDMAIL_ADMIN_PORT=8025 is an admin's mistake.
    if (variable.ends_with("_PORT") && value.find("://") != std::string_view::npos) return true;
    // …_SERVICE_PORT_NAMEOFPORT, …_PORT_25_TCP, …_PORT_25_TCP_ADDR
    if (variable.find("_SERVICE_PORT_") != std::string_view::npos) return true;
    for (const std::string_view end : {"_ADDR", "_PORT", "_PROTO"})
        if (variable.ends_with(end)) {
            variable.remove_suffix(end.size());
            break;
        }
    for (const std::string_view protocol : {"_TCP", "_UDP", "_SCTP"}) {
        if (!variable.ends_with(protocol)) continue;
        variable.remove_suffix(protocol.size());
        return remove_number(variable) && variable.ends_with("_PORT_");
    }
    return false;
}

std::optional<std::string_view> expansion::find(std::string_view name)
{
    asked_.emplace(name);
    const auto found = variables_->find(name);
    if (found == variables_->end()) return std::nullopt;
    return found->second;
}

} // namespace fendmail::app

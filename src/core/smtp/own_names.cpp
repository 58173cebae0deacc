// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/own_names.hpp"

#include "fendmail/core/text/ascii.hpp"

#include <algorithm>

namespace fendmail::smtp {

namespace {

std::string_view without_final_dot(std::string_view name) noexcept
{
    if (name.ends_with('.')) name.remove_suffix(1);
    return name;
}

} // namespace

std::optional<ip_address> helo_address(std::string_view helo) noexcept
{
    constexpr std::string_view tag = "IPv6:";
    if (helo.starts_with('[') && helo.ends_with(']')) {
        helo = helo.substr(1, helo.size() - 2);
        if (equals_ignoring_case(helo.substr(0, tag.size()), tag)) helo.remove_prefix(tag.size());
    }
    const auto parsed = parse_address(helo);
    return parsed ? std::optional{*parsed} : std::nullopt;
}

void own_names::add(std::string_view text)
{
    if (const auto address = parse_address(text))
        addresses_.push_back(*address);
    else
        names_.emplace_back(without_final_dot(text));
}

bool own_names::has_address(const ip_address& address) const noexcept
{
    return std::ranges::find(addresses_, address) != addresses_.end();
}

bool own_names::has(std::string_view helo, const ip_address& local) const noexcept
{
    if (const auto address = helo_address(helo)) return *address == local || has_address(*address);
    return std::ranges::any_of(names_, [name = without_final_dot(helo)](const std::string& own) {
        return equals_ignoring_case(own, name);
    });
}

} // namespace fendmail::smtp

// SPDX-License-Identifier: Apache-2.0
#include "zone_mask.hpp"

#include "fendmail/core/dnsbl/keyed_zone.hpp"
#include "fendmail/core/dnsbl/site.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace fendmail::app {

namespace {

/// Letters only, so that it is a key and a label of a zone as far as the loader is concerned.
constexpr std::string_view redacted = "redacted";

/// The secret is what ${NAME} stands for then, and not what is written.
bool names_a_variable(std::string_view written)
{
    return written.find("${") != std::string_view::npos;
}

} // namespace

zone_mask::zone_mask(const settings& from)
{
    for (const auto& [name, shown] : from.get("dnsbl", "reply_names").pairs)
        if (const auto zone = dnsbl::parse_zone(name.text)) reply_names_[*zone] = shown.text;
}

std::string zone_mask::zone(const text_item& item) const
{
    const std::string_view written = item.written;
    if (names_a_variable(written)) return item.written;
    const auto end = std::min(written.find_first_of("=*"), written.size());
    return without_key(written.substr(0, end)) + std::string{written.substr(end)};
}

std::string zone_mask::key(const text_item& item)
{
    const std::string_view written = item.written;
    const bool is_open = written.empty() || written.starts_with('/') || names_a_variable(written);
    return is_open ? item.written : std::string{redacted};
}

std::string zone_mask::without_key(std::string_view zone) const
{
    const auto parsed = dnsbl::parse_zone(zone);
    if (parsed)
        if (const auto renamed = reply_names_.find(*parsed); renamed != reply_names_.end())
            return renamed->second;
    if (const auto split = dnsbl::split_key(zone))
        return fmt::format("{}.{}", redacted, split->zone);
    return std::string{zone};
}

} // namespace fendmail::app

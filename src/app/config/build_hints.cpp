// SPDX-License-Identifier: Apache-2.0
#include "builder.hpp"
#include "fendmail/app/config/countable.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <string_view>

// What may be meant, but is mostly a mistake that nobody notices.
namespace fendmail::app {

namespace {

/// The first "$name" or "$(name)" of a text, as main.cf has them, whose names are in lower case; ""
/// for none.
std::string_view macro_in(std::string_view text)
{
    const auto is_name = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    };
    for (std::size_t at = text.find('$'); at < text.size(); at = text.find('$', at + 1)) {
        const std::string_view rest = text.substr(at + 1);
        const bool is_in_brackets = rest.starts_with('(') || rest.starts_with('{');
        const std::string_view name = rest.substr(is_in_brackets ? 1 : 0);
        const auto size =
            static_cast<std::size_t>(std::ranges::find_if_not(name, is_name) - name.begin());
        if (size > 0 && name.front() >= 'a')
            return text.substr(at, 1 + size + (is_in_brackets ? 2 : 0));
        if (rest.starts_with('$')) ++at; // main.cf's way to write one
    }
    return {};
}

/// Where a "$" has a meaning of ours, or may well be one.
bool knows_dollars(const key& k)
{
    return (k.section == "dialog" && k.name == "reject_footer") ||
           (k.section == "non_smtp_command" && k.name == "forbidden") ||
           (k.section == "dnsbl" && k.name == "zone_keys");
}

} // namespace

/// Copied from main.cf by hand; clients would see "220 $myhostname ESMTP".
void builder::macros_of_postfix()
{
    for (const key& k : all_keys()) {
        if (knows_dollars(k)) continue;
        const auto look_at = [&](const text_item& item) {
            if (const auto macro = macro_in(item.text); !macro.empty() && item.where.line != 0)
                problems_.warning(
                    item.where,
                    fmt::format("{}.{}: {} is Postfix's way to name a value and is not replaced "
                                "here; write the value itself (found {})",
                                k.section, k.name, macro, in_quotes(item.written)));
        };
        const setting& value = get(k.section, k.name);
        std::ranges::for_each(value.texts, look_at);
        for (const auto& [left, right] : value.pairs) {
            look_at(left);
            look_at(right);
        }
    }
}

void builder::sites_without_effect()
{
    for (const text_item& site : get("dnsbl", "sites").texts)
        if (!can_count(site.text))
            problems_.warning(site.where,
                              fmt::format("dnsbl.sites: no answer that counts matches this filter "
                                          "(127.0.0.1, 127.255.255.x, what is outside 127.0.0.0/8, "
                                          "and a list's own error answers do not); it never adds "
                                          "its weight (found {})",
                                          in_quotes(site.written)));
}

} // namespace fendmail::app

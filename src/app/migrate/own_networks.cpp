// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/migrate/evaluator.hpp"
#include "fendmail/app/migrate/logical_lines.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace fendmail::app::postscreen {

namespace {

bool is_selected(const host_facts::interface& one, std::string_view inet_interfaces)
{
    const std::string wanted = to_lower(trim(inet_interfaces));
    if (wanted == "all") return true;
    if (wanted == "loopback-only") return one.address.is_loopback();
    return std::ranges::any_of(split_list(wanted), [&](std::string_view word) {
        if (word.starts_with('[') && word.ends_with(']')) word = word.substr(1, word.size() - 2);
        const auto address = parse_address(word);
        return address && *address == one.address;
    });
}

/// The classes of old: the first bits of an IPv4 address say how long its network's prefix is.
std::uint8_t class_prefix(const ip_address& address)
{
    const unsigned first = address.octets()[0];
    if (first < 0x80) return 8;
    if (first < 0xc0) return 16;
    return first < 0xe0 ? 24 : 4;
}

std::uint8_t prefix_by_style(const host_facts::interface& one, std::string_view style)
{
    if (style == "host") return static_cast<std::uint8_t>(one.address.bits());
    if (style == "class" && one.address.is_v4()) return class_prefix(one.address);
    return one.prefix_length;
}

} // namespace

families parse_protocols(std::string_view inet_protocols)
{
    families out{false, false};
    for (const std::string& word : split_list(to_lower(inet_protocols))) {
        out.v4 = out.v4 || word == "ipv4" || word == "all";
        out.v6 = out.v6 || word == "ipv6" || word == "all";
    }
    return out;
}

std::string own_networks(const host_facts& host, std::string_view style,
                         std::string_view inet_interfaces, std::string_view inet_protocols)
{
    const families on = parse_protocols(inet_protocols);
    std::vector<std::string> texts;
    for (const bool v4 : {true, false})
        for (const auto& one : host.interfaces) {
            if (one.address.is_v4() != v4 || !(v4 ? on.v4 : on.v6)) continue;
            if (!is_selected(one, inet_interfaces)) continue;
            const auto length = prefix_by_style(one, trim(style));
            const std::string net = to_text(one.address.masked(length));
            auto text =
                v4 ? fmt::format("{}/{}", net, length) : fmt::format("[{}]/{}", net, length);
            if (std::ranges::find(texts, text) == texts.end()) texts.push_back(std::move(text));
        }
    std::string out;
    for (const std::string& text : texts)
        out += (out.empty() ? "" : " ") + text;
    return out;
}

} // namespace fendmail::app::postscreen

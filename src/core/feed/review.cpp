// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/feed/review.hpp"

#include "fendmail/core/limits.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

namespace fendmail::feed {

namespace {

/// In which no client of the Internet has its address: RFC 1918 §3, RFC 6598 §7, RFC 3927 §2.1,
/// RFC 5771 §3 (multicast), RFC 4193 §3.1, RFC 4291 §2.5.6 and §2.7.
constexpr std::array private_networks{
    std::string_view{"10.0.0.0/8"},     std::string_view{"172.16.0.0/12"},
    std::string_view{"192.168.0.0/16"}, std::string_view{"100.64.0.0/10"},
    std::string_view{"169.254.0.0/16"}, std::string_view{"224.0.0.0/4"},
    std::string_view{"fc00::/7"},       std::string_view{"fe80::/10"},
    std::string_view{"ff00::/8"},
};

/// Of a hundred lines one may be wrong: publishers leave a stray word now and then, an error page
/// has nothing else.
constexpr std::size_t lines_for_a_bad_one = 100;

bool is_too_wide(const network& net) noexcept
{
    return net.prefix_length <
           (net.address.is_v4() ? limits::feed_widest_v4 : limits::feed_widest_v6);
}

std::string refuse_form(const content& what)
{
    const std::size_t lines = what.entries() + what.bad_lines;
    if (what.is_too_long) return fmt::format("it has more than {} entries", limits::feed_entries);
    if (lines == 0) return "it has no entries";
    if (what.bad_lines * lines_for_a_bad_one > lines)
        return fmt::format("{} of {} lines are no entries of the form {}, the first is line {}: "
                           "\"{}\"",
                           what.bad_lines, lines, to_string(what.form), what.first_bad_line,
                           what.first_bad_text);
    if (what.form == format::drop_json && !what.claimed)
        return "the last line, which says how many entries there are, is missing";
    if (what.claimed && *what.claimed != what.entries())
        return fmt::format("it says that it has {} entries, and has {}", *what.claimed,
                           what.entries());
    return {};
}

} // namespace

std::string_view to_string(objection o) noexcept
{
    switch (o) {
    case objection::too_wide: return "too_wide";
    case objection::is_private: return "private";
    case objection::own: return "own";
    case objection::trusted: return "trusted";
    case objection::permitted: return "permitted";
    case objection::known_sender: return "known_sender";
    }
    return "unknown";
}

std::string_view words_of(objection o) noexcept
{
    switch (o) {
    case objection::too_wide: return "are wider than /8 (IPv6: /16)";
    case objection::is_private: return "touch private networks";
    case objection::own: return "touch addresses of this host";
    case objection::trusted: return "touch proxy_protocol.trusted";
    case objection::permitted: return "touch what access.rules permit";
    case objection::known_sender: return "touch networks of known senders";
    }
    return "are left out";
}

forbidden_networks::forbidden_networks()
{
    for (const auto text : private_networks)
        if (const auto net = parse_network(text)) add(objection::is_private, *net);
}

void forbidden_networks::finish()
{
    std::vector<network> all;
    for (std::size_t i = 0; i < nets_.size(); ++i) {
        sets_[i] = range_set{nets_[i]};
        all.insert(all.end(), nets_[i].begin(), nets_[i].end());
    }
    any_ = range_set{all};
}

std::optional<objection> forbidden_networks::find(const network& net) const noexcept
{
    if (!any_.overlaps(net)) return std::nullopt;
    for (const objection each : all_objections)
        if (sets_[index(each)].overlaps(net)) return each;
    return std::nullopt;
}

std::string refuse_number(std::size_t entries, const demands& of)
{
    if (entries < of.min_entries)
        return fmt::format("it has {} entries, fewer than min_entries = {}", entries,
                           of.min_entries);
    if (!of.before) return {};
    const std::size_t before = *of.before;
    const std::size_t change = entries > before ? entries - before : before - entries;
    if (change * 100 > before * of.max_change_percent)
        return fmt::format("it has {} entries where it had {}, a change of more than max_change = "
                           "{} %",
                           entries, before, of.max_change_percent);
    return {};
}

reviewed review(content&& what, const forbidden_networks& forbidden, const demands& of)
{
    reviewed out;
    out.entries = what.entries();
    out.refusal = refuse_form(what);
    if (out.refusal.empty()) out.refusal = refuse_number(out.entries, of);
    if (!out.refusal.empty()) return out;

    std::array<left_out, all_objections.size()> without;
    const auto is_left_out = [&](const network& net) {
        const auto why = is_too_wide(net) ? std::optional{objection::too_wide}
                         : of.is_against  ? forbidden.find(net)
                                          : std::nullopt;
        if (!why) return false;
        auto& of_why = without[static_cast<std::size_t>(*why)];
        if (of_why.count++ == 0) of_why = {*why, 1, net};
        return true;
    };
    out.networks = std::move(what.networks);
    std::erase_if(out.networks, is_left_out);
    out.asns = std::move(what.asns);
    for (const left_out& each : without)
        if (each.count != 0) out.without.push_back(each);

    const std::size_t kept = out.networks.size() + out.asns.size();
    if (kept == 0) {
        out.refusal =
            fmt::format("none of its {} entries can be used: {} {}", out.entries,
                        to_text(out.without.front().example), words_of(out.without.front().why));
    } else if (kept < of.min_entries) {
        out.refusal = fmt::format("of its {} entries {} can be used, fewer than min_entries = {}",
                                  out.entries, kept, of.min_entries);
    }
    return out;
}

} // namespace fendmail::feed

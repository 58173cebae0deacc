// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/scoreboard.hpp"

#include "fendmail/core/assert.hpp"
#include "fendmail/core/limits.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <new>

namespace fendmail::dnsbl {

score_bounds span_of(const site_set::zone_entry& zone) noexcept
{
    score_bounds span;
    for (const auto& site : zone.sites)
        (site.weight < 0 ? span.lowest : span.highest) += site.weight;
    return span;
}

void scoreboard::shortest_ttl::add(std::optional<seconds> ttl) noexcept
{
    unknown = unknown || !ttl;
    if (ttl) value = any_known ? std::min(value, *ttl) : *ttl;
    any_known = any_known || ttl.has_value();
}

std::optional<seconds> scoreboard::shortest_ttl::get() const noexcept
{
    return any_known && !unknown ? std::optional{value} : std::nullopt;
}

certainty certainty_of(const score_bounds& bounds, const score_limits& limits) noexcept
{
    const int allow = limits.allow_threshold;
    if (bounds.lowest >= limits.threshold) return certainty::fails;
    if (allow < 0 && bounds.highest <= allow) return certainty::allows;
    const bool may_allow = allow < 0 && bounds.lowest <= allow;
    if (bounds.highest < limits.threshold && !may_allow) return certainty::passes;
    return certainty::open;
}

std::string_view to_string(certainty c) noexcept
{
    switch (c) {
    case certainty::open: return "open";
    case certainty::fails: return "fails";
    case certainty::passes: return "passes";
    case certainty::allows: return "allows";
    }
    return "?";
}

scoreboard::scoreboard(const site_set& sites)
    : sites_{&sites}
    , answered_(sites.zones.size(), false)
    , missing_{sites.zones.size()}
{
    for (const auto& zone : sites.zones) {
        missing_low_ += span_of(zone).lowest;
        missing_high_ += span_of(zone).highest;
    }
}

void scoreboard::on_answer(std::size_t zone, const zone_answer& answer) noexcept
{
    FENDMAIL_ASSERT(zone < answered_.size());
    if (answered_[zone]) return;
    answered_[zone] = true;
    --missing_;
    const auto span = span_of(sites_->zones[zone]);
    missing_low_ -= span.lowest;
    missing_high_ -= span.highest;
    const auto is_listing = [&rules = sites_->zones[zone].answers](const ip_address& address) {
        return classify(address, rules) == answer_kind::listing;
    };

    switch (answer.what) {
    case dns::outcome::found:
        // Addresses that are not listings tell neither that the client is listed nor that it is
        // not: the list refused to answer, or another server answered in its place.
        if (!answer.addresses.empty() && std::ranges::none_of(answer.addresses, is_listing))
            failed_ = true;
        else
            weigh(zone, answer.addresses, answer.ttl);
        break;
    case dns::outcome::not_found: weigh(zone, {}, answer.ttl); break;
    case dns::outcome::failed: failed_ = true; break;
    }
}

void scoreboard::weigh(std::size_t zone, std::span<const ip_address> addresses,
                       std::optional<seconds> ttl) noexcept
{
    const auto& entry = sites_->zones[zone];
    for (const auto& site : entry.sites) {
        const auto match = std::ranges::find_if(addresses, [&](const ip_address& address) {
            return classify(address, entry.answers) == answer_kind::listing &&
                   site.wanted.matches(address);
        });
        const bool listed = match != addresses.end();
        const bool against_client = listed == (site.weight > 0);
        (against_client ? fail_ttl_ : pass_ttl_).add(ttl);
        if (!listed) continue;
        note(zone, site.weight, *match);
        value_ += site.weight;
        if (site.weight > best_weight_ || (site.weight == best_weight_ && zone < best_zone_)) {
            best_weight_ = site.weight;
            best_zone_ = zone;
        }
    }
}

void scoreboard::note(std::size_t zone, int weight, const ip_address& answer) noexcept
try {
    listings_.push_back({zone, weight, answer});
} catch (const std::bad_alloc&) {
    // It counts all the same; only the log knows less.
}

std::string scoreboard::listings() const
{
    auto sorted = listings_;
    std::ranges::stable_sort(sorted, {}, &listing::zone);
    fmt::memory_buffer text;
    std::size_t left_out = 0;
    for (const listing& each : sorted) {
        const auto before = text.size();
        fmt::format_to(fmt::appender(text), "{}{}:{}*{}", before == 0 ? "" : ",",
                       sites_->zones[each.zone].reply_name, to_text(each.answer), each.weight);
        if (text.size() <= limits::listings_text_octets) continue;
        text.resize(before);
        ++left_out;
    }
    if (left_out != 0) fmt::format_to(fmt::appender(text), "+{}", left_out);
    return fmt::to_string(text);
}

std::vector<std::string_view> names_against(std::string_view listings)
{
    std::vector<std::string_view> names;
    while (!listings.empty()) {
        const auto end = std::min(listings.find(','), listings.size());
        const std::string_view item = listings.substr(0, end);
        listings.remove_prefix(std::min(end + 1, listings.size()));
        const auto weight = item.rfind('*');
        if (weight == std::string_view::npos || item.substr(weight + 1).starts_with('-')) continue;
        const auto name = item.substr(0, std::min(item.rfind(':', weight), weight));
        if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    }
    return names;
}

score scoreboard::current() const noexcept
{
    score now;
    now.value = value_;
    now.complete = missing_ == 0 && !failed_;
    if (best_weight_ > 0) now.reply_name = sites_->zones[best_zone_].reply_name;
    if (!now.complete) return now;
    // A score ends when the first of the answers that made it ends. With allowlists alone none
    // speaks for an unlisted client; then it ends with those against him.
    const auto& deciding = value_ > 0 || pass_ttl_.is_empty() ? fail_ttl_ : pass_ttl_;
    now.ttl = deciding.get();
    return now;
}

} // namespace fendmail::dnsbl

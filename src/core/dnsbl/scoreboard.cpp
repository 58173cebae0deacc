// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/scoreboard.hpp"

#include "fendmail/core/assert.hpp"

#include <algorithm>

namespace fendmail::dnsbl {
namespace {

bool is_listing(const ip_address& answer) noexcept
{
    return classify(answer) == answer_kind::listing;
}

} // namespace

answer_kind classify(const ip_address& answer) noexcept
{
    const auto octets = answer.octets();
    if (!answer.is_v4() || octets[0] != 127) return answer_kind::not_listing;
    // RFC 5782 §5 leaves error codes to the lists; those in use (Spamhaus, and who follows them)
    // are all here. postscreen takes them for listings and so rejects everybody.
    if (octets[1] == 255 && octets[2] == 255) return answer_kind::error_code;
    return answer_kind::listing;
}

std::string_view to_string(answer_kind kind) noexcept
{
    switch (kind) {
    case answer_kind::listing: return "listing";
    case answer_kind::error_code: return "error_code";
    case answer_kind::not_listing: return "not_listing";
    }
    return "?";
}

std::string_view to_string(zone_answer::outcome what) noexcept
{
    switch (what) {
    case zone_answer::outcome::found: return "found";
    case zone_answer::outcome::not_found: return "not_found";
    case zone_answer::outcome::failed: return "failed";
    }
    return "?";
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

scoreboard::scoreboard(const site_set& sites)
    : sites_{&sites}
    , answered_(sites.zones.size(), false)
    , missing_{sites.zones.size()}
{
}

void scoreboard::on_answer(std::size_t zone, const zone_answer& answer) noexcept
{
    FENDMAIL_ASSERT(zone < answered_.size());
    if (answered_[zone]) return;
    answered_[zone] = true;
    --missing_;

    switch (answer.what) {
    case zone_answer::outcome::found:
        // Addresses that are not listings tell neither that the client is listed nor that it is
        // not: the list refused to answer, or somebody else answered in its place.
        if (!answer.addresses.empty() && std::ranges::none_of(answer.addresses, is_listing))
            failed_ = true;
        else
            weigh(zone, answer.addresses, answer.ttl);
        break;
    case zone_answer::outcome::not_found: weigh(zone, {}, answer.ttl); break;
    case zone_answer::outcome::failed: failed_ = true; break;
    }
}

void scoreboard::weigh(std::size_t zone, std::span<const ip_address> addresses,
                       std::optional<seconds> ttl) noexcept
{
    for (const auto& site : sites_->zones[zone].sites) {
        const bool listed = std::ranges::any_of(addresses, [&site](const ip_address& address) {
            return is_listing(address) && site.wanted.matches(address);
        });
        const bool against_client = listed == (site.weight > 0);
        (against_client ? fail_ttl_ : pass_ttl_).add(ttl);
        if (!listed) continue;
        value_ += site.weight;
        if (site.weight > best_weight_ || (site.weight == best_weight_ && zone < best_zone_)) {
            best_weight_ = site.weight;
            best_zone_ = zone;
        }
    }
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

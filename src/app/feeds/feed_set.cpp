// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/feeds/feed_set.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <utility>

namespace fendmail::app {

feed_set::member::member(const feed_source& source, std::shared_ptr<const feed_data> what,
                         std::shared_ptr<feed_tally> counts)
    : use{source.use}
    , weight{source.weight}
    , name{fmt::format("feed.{}", source.name)}
    , rule{fmt::format("feed {}", source.name)}
    , data{std::move(what)}
    , tally{std::move(counts)}
{
}

feed_set::feed_set(std::vector<member> members, const std::vector<origin_weight>& weights)
    : members_{std::move(members)}
{
    for (const auto& one : weights)
        weights_.push_back({one.what, one.weight, acl::to_text(one.what)});
}

acl::client_origin feed_set::origin_of(const ip_address& client) const noexcept
{
    acl::client_origin known;
    for (const member& each : members_) {
        if (!each.data->origins) continue;
        const auto found = each.data->origins->find(client);
        if (!known.has_country()) known.country = found.country;
        if (known.asn == 0) known.asn = found.asn;
    }
    return known;
}

feed_hits feed_set::find(const ip_address& client, const acl::client_origin& origin) const
{
    feed_hits hits;
    for (const member& each : members_) {
        const feed_data& data = *each.data;
        if (data.networks.contains(client) ||
            (origin.asn != 0 && std::ranges::binary_search(data.asns, origin.asn)))
            hits.push_back({each.use, each.weight, each.name, each.rule, each.tally.get()});
    }
    for (const weighted_origin& each : weights_)
        if (each.what.matches(origin))
            hits.push_back({feed_use::score, each.weight, each.name, {}, nullptr});
    return hits;
}

bool feed_set::permits_any_of(const network& net) const noexcept
{
    return std::ranges::any_of(members_, [&](const member& each) {
        return each.use == feed_use::permit && each.data->networks.overlaps(net);
    });
}

std::optional<acl::match> rule_of(std::span<const feed_hit> hits) noexcept
{
    for (const auto& [use, decision] : {std::pair{feed_use::permit, acl::decision::permit},
                                        std::pair{feed_use::reject, acl::decision::reject}}) {
        const auto found = std::ranges::find(hits, use, &feed_hit::use);
        if (found != hits.end()) return acl::match{decision, found->rule};
    }
    return std::nullopt;
}

dnsbl::extra_score score_of(std::span<const feed_hit> hits) noexcept
{
    dnsbl::extra_score sum;
    int heaviest = 0;
    for (const feed_hit& each : hits) {
        sum.value += each.weight;
        if (each.weight <= heaviest) continue;
        heaviest = each.weight;
        sum.reply_name = each.name;
    }
    return sum;
}

std::string listings_of(std::span<const feed_hit> hits)
{
    std::string out;
    for (const feed_hit& each : hits)
        if (each.weight != 0)
            fmt::format_to(std::back_inserter(out), "{}{}*{}", out.empty() ? "" : ",", each.name,
                           each.weight);
    return out;
}

void count(std::span<const feed_hit> hits) noexcept
{
    for (const feed_hit& each : hits)
        if (each.tally != nullptr) each.tally->hits.fetch_add(1, std::memory_order_relaxed);
}

} // namespace fendmail::app

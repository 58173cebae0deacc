// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/dnsbl/list_states.hpp"

#include "question_quota.hpp"

#include <algorithm>
#include <iterator>

namespace fendmail::io {

list_states::list_states(const dnsbl::site_set& sites, const list_states* before)
    : zones_(sites.zones.size())
    , resolvers_(sites.zones.size())
{
    for (std::size_t i = 0; i < zones_.size(); ++i) {
        const auto first = std::ranges::find(sites.zones, sites.zones[i].resolvers,
                                             &dnsbl::site_set::zone_entry::resolvers);
        if (const auto most = sites.zones[i].max_questions; most && !most->is_off()) {
            zones_[i].max_questions = *most;
            zones_[i].asked = std::make_unique<question_quota>();
        }
        zones_[i].zone = sites.zones[i].zone;
        zones_[i].tally = tally_of(sites.zones[i].zone, before);
        zones_[i].counts_for_entry =
            sites.zones[i].entry != dnsbl::test_entry::untested &&
            std::ranges::any_of(sites.zones[i].sites, [](const auto& s) { return s.weight > 0; });
        zones_[i].resolver = static_cast<std::size_t>(std::distance(sites.zones.begin(), first));
    }
}

list_states::~list_states() = default;

std::shared_ptr<list_tally> list_states::tally_of(const std::string& zone,
                                                  const list_states* before)
{
    if (before != nullptr)
        if (const auto found = std::ranges::find(before->zones_, zone, &state::zone);
            found != before->zones_.end())
            return found->tally;
    return std::make_shared<list_tally>();
}

list_states::quota_state list_states::take_question(std::size_t zone, tick now) noexcept
{
    auto& of = zones_[zone];
    if (!of.asked) return quota_state::free;
    const bool may_ask = of.asked->take(of.max_questions, now);
    const auto used = of.asked->used();
    const std::uint64_t most = of.max_questions.count;
    if (!may_ask) return of.told_quota.exchange(2) == 2 ? quota_state::told : quota_state::used_up;
    int expected = 0;
    if (used * 10 >= most * 8)
        return of.told_quota.compare_exchange_strong(expected, 1) ? quota_state::nearly
                                                                  : quota_state::free;
    if (used * 10 <= most * 6) of.told_quota.store(0, std::memory_order_relaxed);
    return quota_state::free;
}

bool list_states::shared_trouble::leave() noexcept
{
    return workers.fetch_sub(1) == 1 && told.exchange(false);
}

bool list_states::is_suspended(std::size_t zone) const noexcept
{
    return zones_[zone].trouble.workers.load(std::memory_order_relaxed) != 0;
}

void list_states::suspend(std::size_t zone) noexcept
{
    zones_[zone].trouble.workers.fetch_add(1);
}

bool list_states::restore(std::size_t zone) noexcept
{
    return zones_[zone].trouble.leave();
}

bool list_states::tell(std::size_t zone) noexcept
{
    return !zones_[zone].trouble.told.exchange(true);
}

list_states::shared_trouble& list_states::trouble_of(resolver_trouble what,
                                                     std::size_t zone) noexcept
{
    return resolvers_[zones_[zone].resolver][static_cast<std::size_t>(what)];
}

void list_states::enter(resolver_trouble what, std::size_t zone) noexcept
{
    trouble_of(what, zone).workers.fetch_add(1);
}

bool list_states::leave(resolver_trouble what, std::size_t zone) noexcept
{
    return trouble_of(what, zone).leave();
}

bool list_states::tell(resolver_trouble what, std::size_t zone) noexcept
{
    return !trouble_of(what, zone).told.exchange(true);
}

void list_states::note_entry(std::size_t zone, bool is_there) noexcept
{
    zones_[zone].entry.store(is_there ? entry_seen::there : entry_seen::missing);
}

void list_states::note_no_test(std::size_t zone) noexcept
{
    auto before = entry_seen::unknown;
    zones_[zone].entry.compare_exchange_strong(before, entry_seen::none);
}

list_states::entry_verdict list_states::blame(std::size_t zone) const noexcept
{
    std::size_t missing = 0;
    std::size_t unknown = 0;
    for (const auto& one : zones_) {
        if (one.resolver != zones_[zone].resolver) continue;
        const auto seen = one.entry.load();
        if (seen == entry_seen::there) return entry_verdict::list;
        if (!one.counts_for_entry) continue;
        if (seen == entry_seen::missing) ++missing;
        if (seen == entry_seen::unknown) ++unknown;
    }
    if (unknown > 0) return entry_verdict::open;
    return missing >= 2 ? entry_verdict::resolver : entry_verdict::list;
}

bool list_states::are_all_tested() const noexcept
{
    return std::ranges::none_of(
        zones_, [](const state& one) { return one.entry.load() == entry_seen::unknown; });
}

std::vector<std::size_t> list_states::same_resolver(std::size_t zone) const
{
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < zones_.size(); ++i)
        if (zones_[i].resolver == zones_[zone].resolver && zones_[i].counts_for_entry)
            all.push_back(i);
    return all;
}

bool list_states::tell_missing_entry(std::size_t zone) noexcept
{
    return !zones_[zone].told_missing_entry.exchange(true);
}

} // namespace fendmail::io

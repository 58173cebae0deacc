// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/abuse/ban_ledger.hpp"

#include "fendmail/core/assert.hpp"

#include <algorithm>
#include <utility>

namespace fendmail::abuse {

namespace {

/// A pause lasts until bans have been fewer for so long.
constexpr seconds pause_step{60};
/// How many of the oldest are looked at for one that is not banned.
constexpr int looks_for_room = 16;

bool is_of_clients(const offender& of) noexcept
{
    return of.origin == ban_origin::offences;
}

} // namespace

void ban_ledger::configure(const ban_rules& rules)
{
    rules_ = rules;
    // Neighbourhoods may have another size now.
    banned_in_.clear();
    for (const auto& [until, who] : ends_)
        if (const auto* const one = find(who); one != nullptr && is_of_clients(*one))
            ++banned_in_[neighbourhood(who)];
}

ban_ledger::judgement ban_ledger::note(const network& who, offence_set what, const moment& now,
                                       const guard& of)
{
    judgement out;
    offender* const mine = place_of(who, now.wall);
    if (mine == nullptr) return out;
    // One that is banned stays so for as long as it was told, whatever it does meanwhile.
    if (mine->is_banned(now.wall)) return out;
    const bool is_enough = add_offences(*mine, what, rules_, now.wall);
    if (is_enough) {
        out.why = of(who);
        if (out.why != ban_guard::none) {
            out.what = outcome::withheld;
            mine->milli_points = 0;
        } else if (may_ban(now, out)) {
            unban(*mine); // one that is over, and was not taken yet
            begin_ban(*mine, rules_, now.wall, now.jitter);
            note_ban(*mine);
            out.what = outcome::banned;
        }
    }
    out.client = *mine;
    if (out.what == outcome::banned) ban_network_of(who, now, of, out);
    return out;
}

/// Whether there are not too many that are new.
bool ban_ledger::may_ban(const moment& now, judgement& out)
{
    const budget most{rules_.max_new_per_minute, std::chrono::minutes{1}};
    const bool is_one_left = new_bans_.press(most, now.steady);
    if (is_one_left && is_paused_ && now.steady >= pause_until_) {
        is_paused_ = false;
        out.pause_ended = std::exchange(not_made_, 0);
    }
    if (is_one_left && !is_paused_) return true;
    // It goes on while they come too fast, however long that is.
    if (!is_one_left) pause_until_ = now.steady + pause_step;
    out.what = outcome::paused;
    out.begins_pause = !std::exchange(is_paused_, true);
    ++not_made_;
    return false;
}

network ban_ledger::neighbourhood(const network& who) const noexcept
{
    const unsigned bits =
        who.address.is_v4() ? rules_.ipv4_network_prefix : rules_.ipv6_network_prefix;
    return network_of(who.address, std::min<unsigned>(bits, who.prefix_length));
}

void ban_ledger::ban_network_of(const network& who, const moment& now, const guard& of,
                                judgement& out)
{
    const network around = neighbourhood(who);
    if (rules_.network_after == 0 || around == who) return;
    const auto found = banned_in_.find(around);
    if (found == banned_in_.end() || found->second < rules_.network_after) return;
    if (of(around) != ban_guard::none) return;
    offender* const its = place_of(around, now.wall);
    if (its == nullptr || its->is_banned(now.wall)) return;
    ban_rules of_network = rules_;
    of_network.time = rules_.network_time;
    of_network.max_time = rules_.network_time;
    unban(*its);
    begin_ban(*its, of_network, now.wall, 0);
    its->origin = ban_origin::network;
    note_ban(*its);
    out.its_network = *its;
}

std::optional<offender> ban_ledger::add(const network& who, seconds span, instant now)
{
    offender* const mine = place_of(who, now);
    if (mine == nullptr) return std::nullopt;
    unban(*mine);
    mine->since = now;
    mine->until = now + span;
    mine->origin = ban_origin::admin;
    note_ban(*mine);
    return *mine;
}

bool ban_ledger::remove(const network& who, instant now)
{
    const auto found = index_.find(who);
    if (found == index_.end()) return false;
    const bool was_banned = found->second->is_banned(now);
    if (was_banned) erase(found->second);
    return was_banned;
}

void ban_ledger::restore(offender from, instant now)
{
    from.touched = std::min(from.touched, now);
    from.since = std::min(from.since, now);
    if (from.origin != ban_origin::admin)
        from.until = std::min(from.until, now + longest_ban(rules_));
    offender* const mine = place_of(from.who, now);
    if (mine == nullptr) return;
    unban(*mine);
    *mine = from;
    if (mine->is_banned(now)) note_ban(*mine);
}

std::vector<network> ban_ledger::take_ended(instant now)
{
    std::vector<network> ended;
    while (!ends_.empty() && ends_.begin()->first <= now) {
        const network who = ends_.begin()->second;
        const auto found = index_.find(who);
        FENDMAIL_ASSERT(found != index_.end() && found->second->until == ends_.begin()->first);
        unban(*found->second);
        found->second->seen = {};
        ended.push_back(who);
    }
    return ended;
}

std::vector<network> ban_ledger::forget_some(instant now, std::size_t most)
{
    std::vector<network> gone;
    auto at = by_age_.begin();
    for (std::size_t i = 0; i < most && at != by_age_.end(); ++i) {
        const auto next = std::next(at);
        if (is_forgotten(*at, rules_, now)) {
            gone.push_back(at->who);
            erase(at);
        } else {
            // So that each has its turn, whatever stays at the front.
            by_age_.splice(by_age_.end(), by_age_, at);
        }
        at = next;
    }
    return gone;
}

std::vector<offender> ban_ledger::bans(instant now) const
{
    std::vector<offender> all;
    for (const auto& [until, who] : ends_) {
        if (until <= now) continue;
        if (const auto* const one = find(who)) all.push_back(*one);
    }
    return all;
}

const offender* ban_ledger::find(const network& who) const noexcept
{
    const auto found = index_.find(who);
    return found == index_.end() ? nullptr : &*found->second;
}

offender* ban_ledger::place_of(const network& who, instant now)
{
    const auto found = index_.find(who);
    if (found != index_.end()) {
        by_age_.splice(by_age_.end(), by_age_, found->second);
        return &by_age_.back();
    }
    if (by_age_.size() >= places_ && !make_room(now)) return nullptr;
    by_age_.emplace_back().who = who;
    by_age_.back().touched = now;
    try {
        index_.emplace(who, std::prev(by_age_.end()));
    } catch (...) {
        by_age_.pop_back();
        throw;
    }
    return &by_age_.back();
}

bool ban_ledger::make_room(instant now)
{
    for (int looks = 0; looks < looks_for_room && !by_age_.empty(); ++looks) {
        if (!by_age_.front().is_banned(now)) {
            erase(by_age_.begin());
            ++evicted_;
            return true;
        }
        by_age_.splice(by_age_.end(), by_age_, by_age_.begin());
    }
    return false;
}

void ban_ledger::erase(list::iterator at)
{
    unban(*at);
    index_.erase(at->who);
    by_age_.erase(at);
}

void ban_ledger::note_ban(const offender& of)
{
    ends_.emplace(of.until, of.who);
    if (is_of_clients(of)) ++banned_in_[neighbourhood(of.who)];
}

void ban_ledger::unban(offender& of)
{
    if (ends_.erase({of.until, of.who}) == 0) return;
    if (is_of_clients(of)) {
        const auto found = banned_in_.find(neighbourhood(of.who));
        if (found != banned_in_.end() && --found->second == 0) banned_in_.erase(found);
    }
}

} // namespace fendmail::abuse

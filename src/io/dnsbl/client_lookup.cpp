// SPDX-License-Identifier: Apache-2.0
#include "client_lookup.hpp"

#include "fendmail/core/dnsbl/asking.hpp"
#include "fendmail/core/dnsbl/private_address.hpp"
#include "fendmail/core/dnsbl/query_name.hpp"
#include "fendmail/io/os/clock.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <chrono>
#include <fmt/format.h>
#include <new>
#include <utility>

namespace fendmail::io {
namespace {

/// Lists change by the hour; a TTL of days is a mistake.
constexpr seconds keep_time_max = std::chrono::hours{1};
/// How often a lookup that holds questions back sees whether there still is a reason to.
constexpr milliseconds look_spacing{100};

/// The resolver is in trouble, which is told once for all of its lists and clients.
bool is_told_as_one(const std::shared_ptr<resolver>& with) noexcept
{
    return with != nullptr && with->is_unreachable();
}

list_result result_of(const dns::answer& answer, bool is_listing) noexcept
{
    switch (answer.what) {
    case dns::outcome::not_found: return list_result::not_listed;
    case dns::outcome::failed: return list_result::failed;
    case dns::outcome::found: break;
    }
    return is_listing ? list_result::listed : list_result::odd;
}

} // namespace

lookup_listener::~lookup_listener()
{
    if (!of) return;
    if (is_linked()) unlink();
    of->on_left();
}

bool lookup_listener::is_certain() const noexcept
{
    return limits && dnsbl::certainty_of(bounds(), *limits) != dnsbl::certainty::open;
}

dnsbl::score_bounds lookup_listener::bounds() const noexcept
{
    return of ? of->board().bounds() : dnsbl::score_bounds{found.value, found.value};
}

client_lookup::client_lookup(lookup_owner& owner, lookup_services& with, about what)
    : owner_{&owner}
    , with_{&with}
    , about_{std::move(what)}
    , board_{*about_.sites}
    , queries_(about_.sites->zones.size())
    , asked_(about_.sites->zones.size(), false)
    , watched_{with.watch && with.watch->is_of(about_.sites.get()) ? with.watch : nullptr}
    , is_counted_{watched_ && watched_->is_new(about_.client)}
    , time_limit_{with.deadlines, *this}
    , started_{steady_now()}
{
}

// ── questions ─────────────────────────────────────────────────────────────────────────────────

void client_lookup::begin()
{
    if (about_.is_over) return begin_when_allowed();
    spare_private();
    for (std::size_t zone = 0; zone < asked_.size(); ++zone) {
        if (asked_[zone] || !watched_ || (*watched_)[zone].is_good()) continue;
        asked_[zone] = true;
        skip(zone);
    }
    ask_more();
    set_time_limit();
    if (board_.all_answered()) finish();
}

/// What a list cannot know it need not be asked: it lists no client there, today and tomorrow.
void client_lookup::spare_private()
{
    if (!dnsbl::is_private(about_.client)) return;
    for (std::size_t zone = 0; zone < asked_.size(); ++zone) {
        if (about_.sites->zones[zone].asks_private) continue;
        is_private_ = asked_[zone] = true;
        note_ttl(keep_time_max);
        board_.on_answer(zone, {.what = dns::outcome::not_found, .ttl = keep_time_max});
    }
}

void client_lookup::begin_when_allowed()
{
    const tick now = steady_now();
    if (with_->budgets.take(about_.of, now)) {
        about_.is_over = false;
        return begin();
    }
    time_limit_.set(std::min(with_->budgets.free_at(about_.of, now), started_ + about_.timeout));
}

/// One question more may be asked of a list whose number of questions is limited.
bool client_lookup::is_within_quota(std::size_t zone)
{
    if (!watched_) return true;
    using quota = list_states::quota_state;
    const auto& entry = about_.sites->zones[zone];
    switch (watched_->states().take_question(zone, steady_now())) {
    case quota::free: return true;
    case quota::nearly:
        with_->events.tell(fmt::format("dnsbl {} has been asked 80 % of its max_questions ({})",
                                       entry.reply_name, to_text(*entry.max_questions)));
        return true;
    case quota::used_up:
        with_->events.tell(fmt::format("dnsbl {} is not asked: its max_questions ({}) are used up; "
                                       "it counts for nothing until there are some again",
                                       entry.reply_name, to_text(*entry.max_questions)));
        return false;
    case quota::told: break;
    }
    return false;
}

/// A list that we wait for answers, if only others so far; or a listing waits to be confirmed.
bool client_lookup::is_waiting_for_answers() const noexcept
{
    if (!unconfirmed_.empty()) return true;
    for (std::size_t zone = 0; zone < asked_.size(); ++zone) {
        const auto& query = queries_[zone];
        if (query.with && !is(question_progress::over, zone) &&
            query.with->is_answering(about_.sites->zones[zone].zone))
            return true;
    }
    return false;
}

/// All at once, if the resolver can take them. If not, one after the other: each answer may make
/// the others needless.
void client_lookup::ask_more()
{
    const bool may_hold = about_.limits.has_value() && steady_now() < held_until();
    while (!(may_hold && is_holding_)) {
        const auto next =
            next_zone(*about_.sites, asked_, board_, about_.limits.value_or(dnsbl::score_limits{}));
        if (!next) return;
        const auto& of = about_.sites->zones[next->zone];
        if (with_->resolvers.of(of)->is_backlogged(of.zone)) is_holding_ = true;
        ask_or_skip(*next);
    }
}

void client_lookup::ask_or_skip(const dnsbl::next_question& next)
{
    if (is_within_quota(next.zone)) return ask(next.zone, next.can_refuse || !about_.limits);
    asked_[next.zone] = true;
    skip(next.zone);
}

void client_lookup::ask(std::size_t zone, bool can_refuse)
{
    const auto& entry = about_.sites->zones[zone];
    asked_[zone] = true;
    auto& query = queries_[zone];
    query.with = with_->resolvers.of(entry);
    query.id = query.with->ask({.name = dnsbl::query_name(about_.client, entry.zone),
                                .list = entry.zone,
                                .how = can_refuse ? dns::urgency::normal : dns::urgency::last,
                                .deadline = due(zone)},
                               [zone, weak = weak_from_this()](const dns::answer& answer) {
                                   if (const auto asking = weak.lock())
                                       asking->on_answer(zone, answer);
                               });
}

bool client_lookup::is(question_progress what, std::size_t zone) const noexcept
{
    const auto& query = queries_[zone];
    return query.with && query.with->progress(query.id) == what;
}

bool client_lookup::has_unsent() const noexcept
{
    for (std::size_t zone = 0; zone < asked_.size(); ++zone)
        if (!board_.has_answer(zone) && (!asked_[zone] || is(question_progress::waiting, zone)))
            return true;
    return false;
}

bool client_lookup::has_unasked() const noexcept
{
    return std::ranges::find(asked_, false) != asked_.end();
}

// ── answers ───────────────────────────────────────────────────────────────────────────────────

void client_lookup::on_answer(std::size_t zone, const dns::answer& answer)
{
    if (done_ || board_.has_answer(zone)) return; // too late: it was decided without it
    const tick now = steady_now();
    const bool is_listing = has_listing(zone, answer);
    if (watched_) {
        list_monitor& keeper = (*watched_)[zone];
        if (answer.asked)
            watched_->states().tally(zone)->on_answer(result_of(answer, is_listing), answer.took);
        report(keeper, zone, answer, is_listing, now);
        const bool counts =
            keeper.is_good() && !(is_listing && about_.is_known && keeper.spares_known());
        if (!counts && answer.what != dns::outcome::failed) {
            queries_[zone].with.reset();
            skip(zone);
            is_holding_ = false;
            return finish_or_wake();
        }
        if (is_listing && keeper.can_confirm()) {
            queries_[zone].with.reset();
            unconfirmed_.insert_or_assign(zone, answer);
            return keeper.confirm([zone, weak = weak_from_this()](bool is_confirmed) {
                if (const auto asking = weak.lock()) asking->on_confirmed(zone, is_confirmed);
            });
        }
    }
    count(zone, answer, now);
}

/// What the list's keeper should know of an answer.
void client_lookup::report(list_monitor& keeper, std::size_t zone, const dns::answer& answer,
                           bool is_listing, tick now) const
{
    if (!is_listing && !answer.addresses.empty()) return keeper.on_odd_answer(now);
    if (!is_counted_) return;
    if (answer.what != dns::outcome::failed)
        return keeper.on_client(about_.client, is_listing, about_.is_known, now);
    // What was never asked says nothing about the list, nor does the silence of all servers.
    if (answer.asked && !queries_[zone].with->is_unreachable()) keeper.on_failure(now);
}

void client_lookup::on_confirmed(std::size_t zone, bool is_confirmed)
{
    const auto found = unconfirmed_.find(zone);
    if (done_ || found == unconfirmed_.end() || board_.has_answer(zone)) return;
    const auto answer = std::move(found->second);
    unconfirmed_.erase(found);
    if (is_confirmed && (*watched_)[zone].is_good()) return count(zone, answer, steady_now());
    skip(zone);
    is_holding_ = false;
    finish_or_wake();
}

void client_lookup::count(std::size_t zone, const dns::answer& answer, tick now)
{
    const auto& name = about_.sites->zones[zone].reply_name; // the zone itself may hold a key
    const auto with = std::exchange(queries_[zone].with, nullptr);
    if (answer.what == dns::outcome::failed && !is_told_as_one(with))
        with_->events.failed(about_.client, name, answer.reason, now);
    for (const auto& address : answer.addresses)
        with_->events.answered(about_.client, name, address, kind_of(zone, address), now);
    note_ttl(answer.ttl);
    retries_ += answer.tries > 1 ? answer.tries - 1U : 0U;
    board_.on_answer(zone, dnsbl::to_zone_answer(answer));
    is_holding_ = false;
    finish_or_wake();
}

void client_lookup::wake() noexcept
{
    const auto self = shared_from_this(); // nothing else may hold it once it is done
    const tick now = steady_now();
    if (about_.is_over) {
        if (now < started_ + about_.timeout) return begin_when_allowed();
        for (std::size_t zone = 0; zone < asked_.size(); ++zone)
            skip(zone);
        return finish();
    }
    for (std::size_t zone = 0; zone < asked_.size(); ++zone) {
        if (board_.has_answer(zone) || now < due(zone)) continue;
        // The resolver's clock was a moment faster: what it has to tell is known better there.
        if (!is(question_progress::over, zone)) fail(zone, now);
    }
    // Lists are held back for one that answers; for one that has fallen silent they are not.
    if (is_holding_ && !is_waiting_for_answers()) is_holding_ = false;
    finish_or_wake();
    if (!done_) set_time_limit();
}

/// Its time is up.
void client_lookup::fail(std::size_t zone, tick now)
{
    auto& query = queries_[zone];
    const bool has_answered = unconfirmed_.contains(zone);
    const bool is_sent = is(question_progress::sent, zone);
    const auto& name = about_.sites->zones[zone].reply_name;
    if (!is_told_as_one(query.with))
        with_->events.failed(about_.client, name,
                             has_answered ? "its listing could not be confirmed"
                             : is_sent    ? "timeout"
                                          : "not asked in time",
                             now);
    if (watched_ && is_sent && !has_answered)
        watched_->states().tally(zone)->on_answer(list_result::failed, {});
    if (watched_ && is_counted_ && !has_answered && is_sent && query.with &&
        !query.with->is_unreachable())
        (*watched_)[zone].on_failure(now);
    if (query.with) query.with->drop(query.id);
    query.with.reset();
    asked_[zone] = true;
    skip(zone);
}

/// It says nothing about this client, and is not waited for.
void client_lookup::skip(std::size_t zone)
{
    note_ttl(std::nullopt);
    board_.on_answer(zone, {});
}

// ── listeners ─────────────────────────────────────────────────────────────────────────────────

void client_lookup::add(lookup_listener& one)
{
    one.of = shared_from_this();
    one.was_certain = one.is_certain();
    waiting_.push_back(one);
}

void client_lookup::on_left()
{
    // What is all on its way goes on, and is kept for the next that asks.
    if (done_ || !waiting_.empty() || owner_ == nullptr || !has_unsent()) return;
    const auto self = shared_from_this();
    stop();
    owner_->on_over(*this, nullptr);
}

void client_lookup::stop()
{
    done_ = true;
    time_limit_.clear();
    for (auto& query : queries_) {
        if (query.with) query.with->drop(query.id);
        query.with.reset();
    }
    // Never within a keeper: the last lookup of a set that is no longer watched ends the watch.
    if (auto last = std::exchange(watched_, nullptr); last.use_count() == 1)
        boost::asio::post(with_->context, [last = std::move(last)] {});
}

void client_lookup::end() noexcept
{
    done_ = true;
    owner_ = nullptr;
    waiting_.clear();
    queries_.clear();
    time_limit_.clear();
    watched_.reset();
}

void client_lookup::finish_or_wake()
{
    if (board_.all_answered()) return finish();
    wake_certain();
    if (done_ || !has_unasked()) return;
    ask_more();
    if (board_.all_answered()) finish(); // the lists that were left may not be asked
}

void client_lookup::wake_certain()
{
    const auto self = shared_from_this(); // the last listener may go in a wake()
    const auto is_due = [](const lookup_listener& one) {
        return !one.was_certain && one.is_certain();
    };
    // One at a time from the front: a wake() may drop any listener, or make new ones.
    while (!done_) {
        const auto next = std::find_if(waiting_.begin(), waiting_.end(), is_due);
        if (next == waiting_.end()) return;
        next->was_certain = true;
        if (next->who != nullptr) next->who->wake();
    }
}

void client_lookup::finish()
{
    const auto self = shared_from_this(); // the last listener may go in a wake()
    const lookup_result found{about_.sites, score(), listings(), steady_now()};
    stop();
    owner_->on_over(*this, &found);
    // One at a time from the front: a wake() may drop any listener, or make new ones.
    while (!waiting_.empty()) {
        lookup_listener& first = waiting_.front();
        waiting_.pop_front();
        first.sites = about_.sites;
        first.found = found.score;
        first.listings = found.listings;
        first.of = nullptr;
        if (first.who != nullptr) first.who->wake();
    }
}

// ── details ───────────────────────────────────────────────────────────────────────────────────

std::shared_ptr<const std::string> client_lookup::listings() const noexcept
try {
    auto text = board_.listings();
    return text.empty() ? nullptr : std::make_shared<const std::string>(std::move(text));
} catch (const std::bad_alloc&) {
    return nullptr;
}

dnsbl::score client_lookup::score() const noexcept
{
    auto now = board_.current();
    now.withheld = about_.is_over;
    now.retries = retries_;
    now.is_private = is_private_;
    return now;
}

dnsbl::answer_kind client_lookup::kind_of(std::size_t zone, const ip_address& address) const
{
    return dnsbl::classify(address, about_.sites->zones[zone].answers);
}

bool client_lookup::has_listing(std::size_t zone, const dns::answer& answer) const
{
    return std::ranges::any_of(answer.addresses, [&](const ip_address& address) {
        return kind_of(zone, address) == dnsbl::answer_kind::listing;
    });
}

tick client_lookup::due(std::size_t zone) const noexcept
{
    return started_ + about_.sites->zones[zone].timeout.value_or(about_.timeout);
}

void client_lookup::set_time_limit()
{
    tick first = tick::max();
    if (has_unasked()) first = steady_now() + look_spacing;
    for (std::size_t zone = 0; zone < asked_.size(); ++zone)
        if (!board_.has_answer(zone) && !is(question_progress::over, zone))
            first = std::min(first, due(zone));
    if (first != tick::max()) time_limit_.set(first);
}

void client_lookup::note_ttl(std::optional<seconds> ttl) noexcept
{
    ttl_unknown_ = ttl_unknown_ || !ttl;
    if (ttl) shortest_ttl_ = std::min(*ttl, shortest_ttl_.value_or(keep_time_max));
}

seconds client_lookup::keep_time() const noexcept
{
    if (!board_.current().complete || ttl_unknown_) return seconds{0};
    return shortest_ttl_.value_or(seconds{0});
}

} // namespace fendmail::io

// SPDX-License-Identifier: Apache-2.0
#include "list_monitor.hpp"

#include "fendmail/io/os/clock.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <utility>

namespace fendmail::io {

using dnsbl::test_question;
using dnsbl::test_reply;
using dnsbl::zone_trouble;

struct list_monitor::test {
    dnsbl::test_replies replies;
    std::size_t missing = dnsbl::test_questions;
    tick limit{};
    std::shared_ptr<resolver> with; // until the end
    std::uint64_t answered_before = 0;
};

struct list_monitor::confirmation {
    std::vector<confirmed> for_whom;
    std::size_t missing = 0;
    tick limit{};
    std::shared_ptr<resolver> with;
};

list_monitor::list_monitor(const surroundings& with, const dnsbl::site_set& sites, std::size_t zone)
    : with_{with}
    , sites_{&sites}
    , zone_{zone}
    , health_{sites.zones[zone], with.timing}
    , due_{*with.deadlines, *this}
    , random_{std::random_device{}()}
{
    if (entry().timeout) with_.timeout = *entry().timeout;
    look(steady_now());
}

list_monitor::~list_monitor()
{
    // The next worker that tests the list finds it in trouble again, and says so.
    if (is_suspended_) with_.states->restore(zone_);
    if (is_distrusting_) with_.states->leave(resolver_trouble::lies, zone_);
    if (is_filtered_) with_.states->leave(resolver_trouble::filters, zone_);
}

bool list_monitor::is_good() const noexcept
{
    return health_.is_good() && !with_.states->is_suspended(zone_) &&
           !with_.states->tally(zone_)->is_off();
}

void list_monitor::on_client(const ip_address& client, bool listed, bool known, tick now)
{
    if (known)
        health_.on_known_client(client, listed, now);
    else
        health_.on_client(listed, now);
    tell_remark();
    look(now);
}

void list_monitor::on_failure(tick now)
{
    health_.on_failure(now);
    look(now);
}

void list_monitor::on_odd_answer(tick now)
{
    health_.on_odd_answer(now);
    look(now);
}

void list_monitor::confirm(confirmed done)
{
    waiting_.push_back(std::move(done));
    look(steady_now());
}

void list_monitor::wake() noexcept
{
    look(steady_now());
}

/// Does what is due.
void list_monitor::look(tick now)
{
    if (test_ && now >= test_->limit) end_test(now);
    if (!test_ && now >= health_.next_test()) begin_test(now);
    if (now >= next_blame_) tell_missing_entry(now);
    if (confirmation_ && now >= confirmation_->limit) end_confirmation(false);
    if (!confirmation_ && !waiting_.empty() && now >= next_confirmation_) begin_confirmation(now);
    set_deadline();
}

void list_monitor::set_deadline()
{
    tick next = test_ ? test_->limit : health_.next_test();
    if (confirmation_)
        next = std::min(next, confirmation_->limit);
    else if (!waiting_.empty())
        next = std::min(next, next_confirmation_);
    due_.set(std::min(next, next_blame_));
}

// ── the whole test ────────────────────────────────────────────────────────────────────────────

void list_monitor::ask(test_question what, resolver& with, tick limit,
                       std::weak_ptr<const void> alive,
                       std::function<void(const dns::answer&)> hear)
{
    const bool is_of_list = what != test_question::no_such_name;
    with.ask({.name = dnsbl::test_name(what, entry().zone, static_cast<std::uint32_t>(random_())),
              .list = is_of_list ? std::string_view{entry().zone} : std::string_view{},
              .how = dns::urgency::first,
              .deadline = limit},
             [alive = std::move(alive), hear = std::move(hear)](const dns::answer& answer) {
                 if (!alive.expired()) hear(answer); // or maybe there is no keeper either
             });
}

void list_monitor::begin_test(tick now)
{
    health_.on_test_begun(now);
    test_ = std::make_shared<test>();
    test_->limit = now + std::min(with_.timeout, test_time);
    test_->with = with_.resolvers->of(entry());
    test_->answered_before = test_->with->figures().answered;
    for (const auto what : dnsbl::all_test_questions)
        ask(what, *test_->with, test_->limit, test_, [this, what](const dns::answer& answer) {
            test_->replies[what] =
                dnsbl::reply_to(what, dnsbl::to_zone_answer(answer), entry().answers);
            if (--test_->missing > 0) return;
            const tick then = steady_now();
            end_test(then);
            look(then);
        });
}

void list_monitor::end_test(tick now)
{
    const auto ended = std::exchange(test_, nullptr);
    // While nothing comes from the resolver, nothing is known of its lists.
    const bool is_void =
        ended->replies.are_none() && (ended->with->is_unreachable() ||
                                      ended->with->figures().answered == ended->answered_before);
    if (is_void)
        health_.on_test_void(now);
    else
        health_.on_test(ended->replies, now);
    note_entry(is_void ? test_reply::none : ended->replies[test_question::entry], now);
    share(true, now);
    tell_remark();
}

// ── one listing ───────────────────────────────────────────────────────────────────────────────

void list_monitor::begin_confirmation(tick now)
{
    confirmation_ = std::make_shared<confirmation>();
    confirmation_->for_whom = std::exchange(waiting_, {});
    confirmation_->limit = now + with_.timeout;
    confirmation_->with = with_.resolvers->of(entry());
    const bool is_busy = confirmation_->with->is_backlogged(entry().zone);
    next_confirmation_ = now + (is_busy ? confirmation_spacing_busy : confirmation_spacing);
    const auto confirm_by = [this](test_question what) {
        ++confirmation_->missing;
        ask(what, *confirmation_->with, confirmation_->limit, confirmation_,
            [this, what](const dns::answer& answer) {
                on_confirmation(
                    dnsbl::reply_to(what, dnsbl::to_zone_answer(answer), entry().answers));
            });
    };
    confirm_by(test_question::no_entry);
    if (now < next_nobody_) return;
    next_nobody_ = now + nobody_spacing;
    confirm_by(test_question::nobody);
}

void list_monitor::on_confirmation(test_reply reply)
{
    const tick now = steady_now();
    const auto refuted = [&](zone_trouble trouble) {
        health_.on_refuted(trouble, now);
        share(false, now); // the whole test comes now, and knows better what to say
        end_confirmation(false);
    };
    switch (reply) {
    case test_reply::listed: refuted(zone_trouble::lists_everybody); break;
    case test_reply::error_code: refuted(zone_trouble::refuses); break;
    case test_reply::foreign: refuted(zone_trouble::foreign); break;
    // Without an answer nothing is known, and no client is refused for what is not known.
    case test_reply::none: end_confirmation(false); break;
    case test_reply::unlisted:
        if (--confirmation_->missing == 0) end_confirmation(true);
        break;
    }
    look(now);
}

void list_monitor::end_confirmation(bool is_confirmed)
{
    const auto ended = std::exchange(confirmation_, nullptr);
    for (const auto& done : ended->for_whom)
        done(is_confirmed);
}

// ── what others are told ──────────────────────────────────────────────────────────────────────

void list_monitor::share(bool is_to_be_told, tick now)
{
    if (health_.is_good()) {
        if (is_suspended_) tell_recovery(now);
        return;
    }
    if (!is_suspended_) {
        is_suspended_ = true;
        with_.states->suspend(zone_);
    }
    if (is_to_be_told) tell_trouble();
}

void list_monitor::tell_trouble()
{
    if (health_.trouble() == zone_trouble::lists_nothing && is_not_of_list(steady_now())) return;
    if (health_.trouble() != zone_trouble::resolver) {
        if (is_distrusting_ || !with_.states->tell(zone_)) return;
        const auto trouble = health_.trouble();
        with_.events->on(event::list_suspended{entry().reply_name, dnsbl::to_string(trouble),
                                               dnsbl::reason_of(trouble),
                                               dnsbl::advice_on(trouble)});
        return;
    }
    if (!is_distrusting_) {
        is_distrusting_ = true;
        with_.states->enter(resolver_trouble::lies, zone_);
    }
    if (!with_.states->tell(resolver_trouble::lies, zone_)) return;
    const auto name = with_.resolvers->name_of(entry());
    with_.events->on(event::resolver_distrusted{name});
}

// ── the cause of a missing test entry ─────────────────────────────────────────────────────────

void list_monitor::note_entry(test_reply reply, tick now)
{
    auto& states = *with_.states;
    if (reply != test_reply::unlisted) {
        reply == test_reply::listed ? states.note_entry(zone_, true) : states.note_no_test(zone_);
        if (reply != test_reply::listed) return;
        entry_missing_since_ = next_blame_ = tick::max();
        if (!std::exchange(is_filtered_, false)) return;
        if (!states.leave(resolver_trouble::filters, zone_)) return;
        const auto text = fmt::format("resolver {} gives the lists' test address 127.0.0.2 again",
                                      with_.resolvers->name_of(entry()));
        return with_.events->on(event::notice{text});
    }
    states.note_entry(zone_, false);
    entry_missing_since_ = std::min(entry_missing_since_, now);
}

bool list_monitor::is_not_of_list(tick now)
{
    next_blame_ = tick::max();
    if (!with_.states->has_to_have_entry(zone_)) return false;
    switch (with_.states->blame(zone_)) {
    case list_states::entry_verdict::list: return false;
    case list_states::entry_verdict::resolver: tell_filter(); return true;
    case list_states::entry_verdict::open: break;
    }
    if (now - entry_missing_since_ >= entry_patience) return false;
    next_blame_ = now + entry_spacing;
    return true;
}

/// Now, or later if others may be to blame.
void list_monitor::tell_missing_entry(tick now)
{
    next_blame_ = tick::max();
    if (health_.trouble() == zone_trouble::lists_nothing) return tell_trouble();
    if (!misses_entry_ || is_not_of_list(now)) return;
    misses_entry_ = false;
    if (!with_.states->tell_missing_entry(zone_)) return;
    const auto text =
        fmt::format("dnsbl {} does not list its test address 127.0.0.2 (RFC 5782): it is dead, "
                    "or has no test entries (if so, name it in dnsbl.untestable), or the resolver "
                    "{} filters answers in 127.0.0.0/8 (protection against DNS rebinding)",
                    entry().reply_name, with_.resolvers->name_of(entry()));
    with_.events->on(event::caution{text});
}

void list_monitor::tell_filter()
{
    misses_entry_ = false;
    auto& states = *with_.states;
    if (!std::exchange(is_filtered_, true)) states.enter(resolver_trouble::filters, zone_);
    if (!states.tell(resolver_trouble::filters, zone_)) return;
    std::string names;
    for (const auto zone : states.same_resolver(zone_))
        names += (names.empty() ? "" : ", ") + sites_->zones[zone].reply_name;
    const auto text = fmt::format(
        "resolver {} gives no list's test address 127.0.0.2 ({}), though it answers otherwise: it "
        "seems to filter answers in 127.0.0.0/8 (protection against DNS rebinding), so that no "
        "list can list anybody. Let it pass them (unbound: no private-address with 127.0.0.0/8, "
        "or a private-domain for each list; dnsmasq: rebind-domain-ok for each list, or no "
        "stop-dns-rebind; a router such as Fritz!Box: its exceptions from rebind protection) or "
        "use another resolver (dnsbl.resolvers). To name the lists in dnsbl.untestable helps only "
        "if none of them has test entries",
        with_.resolvers->name_of(entry()), names);
    with_.events->on(event::caution{text});
}

void list_monitor::tell_recovery(tick now)
{
    const auto after = std::chrono::duration_cast<seconds>(now - health_.since());
    is_suspended_ = false;
    if (with_.states->restore(zone_))
        with_.events->on(event::list_restored{entry().reply_name, after});
    if (!std::exchange(is_distrusting_, false) ||
        !with_.states->leave(resolver_trouble::lies, zone_))
        return;
    const auto name = with_.resolvers->name_of(entry());
    with_.events->on(event::resolver_restored{name, after});
}

void list_monitor::tell_remark()
{
    std::string text;
    switch (health_.take_remark()) {
    case dnsbl::health_remark::none: return;
    case dnsbl::health_remark::no_entry:
        misses_entry_ = true;
        return tell_missing_entry(steady_now());
    case dnsbl::health_remark::wave:
        text = fmt::format("dnsbl {} lists {:.0f} % of the latest clients ({:.0f} % before); its "
                           "test is good, so this is taken for a wave of bots",
                           entry().reply_name, 100 * health_.clients().recent(),
                           100 * health_.clients().baseline());
        break;
    case dnsbl::health_remark::known:
        text = fmt::format("dnsbl {} lists most of the clients that passed before: what it says "
                           "does not count against them until this is over; look at whom it lists",
                           entry().reply_name);
        break;
    }
    with_.events->on(event::caution{text});
}

} // namespace fendmail::io

// SPDX-License-Identifier: Apache-2.0
#include "early_tests.hpp"

#include "fendmail/core/limits.hpp"
#include "fendmail/io/os/clock.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <fmt/format.h>

namespace fendmail::app {

void session::early_tests::ask()
{
    const auto& rules = of_.config().screening;
    look_at_feeds();
    sources_.lists = join(rules.score_limits());
    sources_.any_list = !of_.snapshot_->dnsbl_sites->empty();
    // A client that shares the lookup of a neighbour has none of its own for its name either.
    const bool has_lookup = sources_.lists.is_own() && !sources_.lists.score().withheld;
    const bool counts_names = of_.config().bans.rules.points[abuse::offence::no_ptr] != 0;
    if ((rules.names.ask_dns() || counts_names) && has_lookup)
        sources_.name.emplace(of_.env_.deadlines, of_.env_.resolvers.common(), of_.client_.address,
                              of_.config().client_name.timeout, *this);
}

void session::early_tests::look_at_feeds()
{
    const auto& feeds = of_.env_.feeds;
    if (!feeds) return;
    const auto hits = feeds->find(of_.client_.address, feeds->origin_of(of_.client_.address));
    if (hits.empty()) return;
    sources_.feeds = feeds;
    sources_.of_feeds = score_of(hits);
    sources_.feed_listings = listings_of(hits);
}

/// Of lists and feeds; most clients are on none, and share one text.
std::shared_ptr<const std::string> session::early_tests::listings() const
{
    auto of_lists = sources_.lists.listings();
    const auto& of_feeds = sources_.feed_listings;
    if (of_feeds.empty()) return of_lists;
    const bool any_list = of_lists && !of_lists->empty();
    return std::make_shared<const std::string>(
        fmt::format("{}{}{}", any_list ? *of_lists : std::string{}, any_list ? "," : "", of_feeds));
}

/// @param limits of the score as a whole
io::dnsbl_lookup::subscription session::early_tests::join(const dnsbl::score_limits& limits)
{
    return of_.env_.lookups.join(
        of_.client_.address, of_.snapshot_->dnsbl_sites, of_.config().dnsbl.timeout, this,
        {dnsbl::without_extra(limits, sources_.of_feeds),
         of_.screener_.has_passed(screen::test::dnsbl),
         screen::neighbours_of(of_.client_.address, of_.config().limits.ipv6_prefix)});
}

screen::step session::early_tests::next(screen::step step)
{
    if (is_decided()) return found_;
    if (!is_scored_) step = look_at_score(step);
    if (step == screen::step::keep_waiting && time_is_up_.has_passed()) step = on_time_is_up();
    found_ = step;
    return step;
}

screen::step session::early_tests::look_at_score(screen::step step)
{
    auto& screener = of_.screener_;
    const auto score = sources_.score();
    if (sources_.are_done()) {
        step = screener.on_score(score);
        note_score(score);
    } else if (is_late() || screen::is_settled(of_.config().screening, sources_.bounds())) {
        step = screener.on_partial_score(score, sources_.bounds());
        if (screener.early().status(screen::test::dnsbl) != screen::early_status::pending)
            note_score(score);
    }
    return step;
}

screen::step session::early_tests::on_time_is_up()
{
    auto& screener = of_.screener_;
    const auto so_far = is_scored_ ? screener.early().score() : sources_.score();
    if (is_scored_) return screener.on_greet_wait_elapsed(so_far, {});
    auto step = screen::step::keep_waiting;
    if (!is_late()) {
        step = screener.on_greet_wait_elapsed(so_far, sources_.bounds());
        if (screener.early().waits_for_late_lists() && wait_for_late_lists()) return step;
    }
    if (screener.early().waits_for_late_lists()) step = screener.on_lists_overdue(so_far);
    note_score(so_far);
    return step;
}

/// The greet wait is over, and lists may still refuse the client.
/// @return false when they have had all their time as well
bool session::early_tests::wait_for_late_lists()
{
    const auto& rules = of_.config().screening;
    const tick now = io::steady_now();
    const tick overdue = of_.phase_begun_ + of_.config().dnsbl.timeout;
    if (overdue <= now) return false;
    late_since_ = now;
    time_is_up_.set(overdue);
    if (const auto limits = screen::limits_when_late(rules, sources_.finding()))
        sources_.lists = join(*limits);
    return true;
}

/// Nothing more is wanted of lists and names.
void session::early_tests::note_score(const dnsbl::score& score)
{
    is_scored_ = true;
    of_.score_.listings = listings();
    of_.tell_score(score, sources_.finding());
    sources_.lists = {};
    sources_.name.reset();
}

void session::early_tests::wake() noexcept
try {
    if (next(screen::step::keep_waiting) != screen::step::keep_waiting) of_.stream_.wake();
} catch (const std::exception&) {
    // No memory, and what was half decided is no ground for anything: the client comes again.
    of_.stream_.close();
}

void session::run_early_tests(std::unique_ptr<session> self)
{
    session& s = *self;
    s.enter(event::phase::early);
    const auto& todo = s.screener_.tests_to_run().todo;
    if (todo[screen::test::pregreet] && !s.say_teaser()) return s.client_gone();
    s.stream_.delay_acks();
    s.early_ = std::make_unique<early_tests>(s);
    wait_on(std::move(self), screen::step::keep_waiting);
}

void session::wait_on(std::unique_ptr<session> self, screen::step step)
{
    session& s = *self;
    step = s.early_->next(step);
    // Who has to go is told so; nothing was decided about it.
    if (step != screen::step::keep_waiting || s.env_.sessions.dismisses())
        return decide(std::move(self), step);
    auto done = [self = std::move(self)](wait_end end) mutable {
        environment& env = self->env_;
        env.guard([&] { on_wait_end(std::move(self), end); });
    };
    if (s.early_->client_spoke)
        s.stream_.when_woken(std::move(done));
    else
        s.stream_.when_readable(std::move(done));
}

void session::on_wait_end(std::unique_ptr<session> self, wait_end end)
{
    session& s = *self;
    if (end == wait_end::failed || end == wait_end::closed || !s.stream_.is_open())
        return s.client_gone();
    // What was decided before the client was looked at stands.
    if (end != wait_end::ready || s.early_->is_decided())
        return wait_on(std::move(self), screen::step::keep_waiting);
    // Of a stream that waits only to be woken, "ready" is an error of its connection.
    if (s.early_->client_spoke) return s.client_gone();
    if (const auto step = s.look_at_client()) return wait_on(std::move(self), *step);
    s.client_gone();
}

bool session::say_teaser()
{
    teaser_sent_ = true;
    return stream_.write_now(fmt::format("220-{}\r\n", config().teaser));
}

/// Peeks, so that whatever the client said is still there for the backend.
/// @return nothing when the client has hung up
std::optional<screen::step> session::look_at_client()
{
    std::array<char, limits::pregreet_octets> octets;
    const auto seen = stream_.peek(asio::buffer(octets));
    if (seen.end != wait_end::ready) return std::nullopt;
    if (seen.octets == 0) return screen::step::keep_waiting;
    early_->client_spoke = true;
    if (!screener_.early().listens()) return screen::step::keep_waiting;
    const std::string_view said{octets.data(), seen.octets};
    spoke_ = smtp::speech_of(said);
    emit(event::pregreeted{client_, seen.octets, between(phase_begun_, io::steady_now()), said,
                           action_of(screen::test::pregreet), spoke_});
    note_offence(screen::test::pregreet);
    return screener_.on_result(screen::test::pregreet, false);
}

/// @param found what the name of the client adds to it; null = nothing is known
void session::tell_score(const dnsbl::score& score, const dnsbl::name_finding* found)
{
    const int weight = found == nullptr ? 0 : config().screening.names.of(found->signal);
    if (weight != 0)
        emit(event::client_name_counted{client_, to_string(found->signal), weight, found->name});
    score_.note(score);
    if (found != nullptr && found->signal == dnsbl::name_signal::no_ptr)
        offences_.add(abuse::offence::no_ptr);
    if (screener_.early().status(screen::test::dnsbl) == screen::early_status::failed) {
        emit(event::dnsbl_scored{client_, score.value, score.reply_name,
                                 action_of(screen::test::dnsbl)});
        note_offence(screen::test::dnsbl);
    }
}

} // namespace fendmail::app

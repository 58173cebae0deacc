// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/limits.hpp"
#include "fendmail/io/clock.hpp"
#include "fendmail/io/name_lookup.hpp"
#include "session_impl.hpp"

#include <array>
#include <fmt/format.h>

namespace fendmail::app {

namespace {

/// What makes the score: the lists, and the name of the client.
struct score_sources {
    explicit score_sources(const dnsbl::name_weights& of_names) noexcept
        : weights{of_names}
    {
    }

    [[nodiscard]] bool are_done() const noexcept { return lists.done() && (!name || name->done()); }
    [[nodiscard]] dnsbl::score score() const noexcept
    {
        if (!name) return lists.score();
        return dnsbl::with_name(lists.score(), any_list, name->finding(), weights);
    }
    [[nodiscard]] dnsbl::score_bounds bounds() const noexcept
    {
        if (!name) return lists.bounds();
        return dnsbl::with_name(lists.bounds(), finding(), weights);
    }
    [[nodiscard]] bool are_certain(const dnsbl::score_limits& limits) const noexcept
    {
        const auto can_become = bounds();
        switch (certainty_of(can_become, limits)) {
        case dnsbl::certainty::open: return false;
        case dnsbl::certainty::fails:
        case dnsbl::certainty::allows: return true;
        case dnsbl::certainty::passes: break;
        }
        // The name in HELO is added to what the others say in the end.
        return weights.own_helo == 0 || can_become.highest + weights.own_helo < limits.threshold;
    }
    /// Null while there is none.
    [[nodiscard]] const dnsbl::name_finding* finding() const noexcept
    {
        return name && name->done() ? &name->finding() : nullptr;
    }

    const dnsbl::name_weights& weights;
    io::dnsbl_lookup::subscription lists;
    bool any_list = false;
    std::optional<io::name_lookup> name;
};

} // namespace

asio::awaitable<std::optional<screen::step>> session::run_early_tests()
{
    enter(event::phase::early);
    const auto todo = screener_.tests_to_run().todo;
    if (todo[screen::test::pregreet] && !say_teaser()) co_return std::nullopt;

    const auto& rules = config().screening;
    score_sources sources{rules.names};
    bool scored = !todo[screen::test::dnsbl];
    if (!scored) {
        sources.lists = worker_.lookups().join(
            client_.address, service_->dnsbl_sites, config().dnsbl_timeout, &stream_,
            {rules.score_limits(), screener_.has_passed(screen::test::dnsbl)});
        sources.any_list = !service_->dnsbl_sites->empty();
        if (rules.names.ask_dns())
            sources.name.emplace(worker_.deadlines(), worker_.resolver(), client_.address,
                                 config().client_name_timeout, stream_);
    }
    io::deadline time_is_up{worker_.deadlines(), stream_};
    time_is_up.set(phase_begun_ + early_limit());

    for (auto step = screen::step::keep_waiting;;) {
        // Whatever woke us, look at all of it; the client last, since its octets stay.
        if (!scored && sources.are_done()) {
            scored = true;
            step = screener_.on_score(sources.score());
            tell_score(sources.score(), sources.finding());
        } else if (!scored && sources.are_certain(rules.score_limits())) {
            step = screener_.on_partial_score(sources.score(), sources.bounds());
            scored = screener_.early().status(screen::test::dnsbl) != screen::early_status::pending;
            if (scored) tell_score(sources.score(), sources.finding());
        }
        if (step == screen::step::keep_waiting && time_is_up.has_passed()) {
            const auto so_far = scored ? screener_.early().score() : sources.score();
            step = screener_.on_greet_wait_elapsed(so_far);
            if (!scored) tell_score(so_far, sources.finding());
        }
        if (step != screen::step::keep_waiting) co_return step;

        const auto end = client_spoke_ ? co_await stream_.wait_woken(&time_is_up)
                                       : co_await stream_.wait_readable(&time_is_up);
        if (end == wait_end::failed || end == wait_end::closed || !stream_.is_open())
            co_return std::nullopt;
        if (end != wait_end::ready) continue;
        const auto after = look_at_client();
        if (!after) co_return std::nullopt;
        step = *after;
    }
}

bool session::say_teaser()
{
    teaser_sent_ = true;
    return stream_.write_now(fmt::format("220-{}\r\n", config().teaser));
}

milliseconds session::early_limit() const noexcept
{
    const auto wait = config().screening.wait(worker_.sessions().is_stressed());
    // With the greet wait off the lists alone decide, and they have a limit of their own.
    return wait.count() == 0 ? config().dnsbl_timeout : milliseconds{wait};
}

/// Peeks, so that whatever the client said is still there for the backend.
/// @return nothing when the client has hung up
std::optional<screen::step> session::look_at_client()
{
    std::array<char, limits::pregreet_octets> octets;
    const auto seen = stream_.peek(asio::buffer(octets));
    if (seen.end != wait_end::ready) return std::nullopt;
    if (seen.octets == 0) return screen::step::keep_waiting;
    client_spoke_ = true;
    if (!screener_.early().listens()) return screen::step::keep_waiting;
    emit(event::pregreeted{client_,
                           seen.octets,
                           between(phase_begun_, io::steady_now()),
                           {octets.data(), seen.octets}});
    return screener_.on_client_spoke();
}

/// @param found what the name of the client adds to it; null = nothing is known
void session::tell_score(const dnsbl::score& score, const dnsbl::name_finding* found)
{
    const int weight = found == nullptr ? 0 : config().screening.names.of(found->signal);
    if (weight != 0)
        emit(event::client_name_counted{client_, to_string(found->signal), weight, found->name});
    score_ = score.value;
    score_complete_ = score.complete;
    if (screener_.early().status(screen::test::dnsbl) == screen::early_status::failed)
        emit(event::dnsbl_scored{client_, score.value, score.reply_name});
}

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#include "resolver_watch.hpp"

#include "fendmail/io/os/clock.hpp"

#include <chrono>
#include <fmt/format.h>
#include <utility>

namespace fendmail::io {

resolver_watch::resolver_watch(std::shared_ptr<resolver> of, event_sink& events,
                               deadline_queue& deadlines, std::shared_ptr<list_states> states,
                               std::size_t zone)
    : of_{std::move(of)}
    , events_{&events}
    , states_{std::move(states)}
    , zone_{zone}
    , due_{deadlines, *this}
    , before_{of_->figures()}
{
    of_->watch([this] { look_whether_it_answers(); });
    due_.set_after(period);
    look_whether_it_answers();
}

resolver_watch::~resolver_watch()
{
    of_->watch({});
    if (is_silent_) states_->leave(resolver_trouble::silent, zone_);
    if (is_losing_) states_->leave(resolver_trouble::loses, zone_);
}

void resolver_watch::wake() noexcept
{
    look_what_is_lost();
    const auto now = of_->figures();
    if (now.dropped > before_.dropped) {
        const auto text = fmt::format("{} answers of resolver {} were lost because our own sockets "
                                      "were full: this machine has too little time for us",
                                      now.dropped - before_.dropped, of_->name());
        events_->on(event::caution{text});
    }
    before_ = now;
    due_.set_after(period);
}

event::resolver_traffic resolver_watch::traffic() const noexcept
{
    const auto now = of_->figures();
    // What was lost in the period before may have been answered late in this one.
    auto lost = now.lost > before_.lost ? now.lost - before_.lost : 0;
    if (of_->is_unreachable()) lost = now.sent - before_.sent;
    return {now.sent - before_.sent, now.answered - before_.answered, lost, now.retransmission,
            now.window == SIZE_MAX ? 0 : now.window};
}

seconds resolver_watch::since(tick then)
{
    return std::chrono::duration_cast<seconds>(steady_now() - then);
}

void resolver_watch::look_whether_it_answers()
{
    if (of_->is_unreachable() == is_silent_) return;
    is_silent_ = !is_silent_;
    const auto name = of_->name();
    if (is_silent_) {
        silent_since_ = steady_now();
        states_->enter(resolver_trouble::silent, zone_);
        if (states_->tell(resolver_trouble::silent, zone_))
            events_->on(event::resolver_unavailable{name, "no answer from any server", traffic()});
    } else if (states_->leave(resolver_trouble::silent, zone_)) {
        events_->on(event::resolver_available{name, since(silent_since_)});
    }
}

void resolver_watch::look_what_is_lost()
{
    const auto seen = traffic();
    const auto results = seen.answered + seen.lost;
    if (results < results_min) return;
    const auto name = of_->name();
    const double share = static_cast<double>(seen.lost) / static_cast<double>(results);
    if (!is_losing_ && share >= much) {
        is_losing_ = true;
        losing_since_ = steady_now();
        states_->enter(resolver_trouble::loses, zone_);
        if (states_->tell(resolver_trouble::loses, zone_))
            events_->on(event::resolver_losing{name, seen});
    } else if (is_losing_ && share <= little) {
        is_losing_ = false;
        if (states_->leave(resolver_trouble::loses, zone_))
            events_->on(event::resolver_steady{name, since(losing_since_), seen});
    }
}

} // namespace fendmail::io

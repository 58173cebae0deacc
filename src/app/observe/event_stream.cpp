// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/observe/event_stream.hpp"

#include "fendmail/core/event/render.hpp"
#include "fendmail/core/text/time_text.hpp"
#include "fendmail/io/os/clock.hpp"

#include <exception>
#include <fmt/format.h>
#include <variant>

namespace fendmail::app {

event_stream::event_stream()
    : decisions_{decisions_kept, line_octets}
{
}

void event_stream::on(const any_event& what) noexcept
{
    const bool is_decision = std::holds_alternative<event::session_ended>(what);
    text_ring* const events = events_.load(std::memory_order_acquire);
    if (!is_decision && events == nullptr) return;
    try {
        fmt::memory_buffer line;
        event::render_json(line, what, time_text(io::wall_now()));
        const std::string_view text{line.data(), line.size()};
        if (is_decision) decisions_.push(text);
        if (events != nullptr) events->push(text);
    } catch (const std::exception&) {
        // Without memory it is not seen here; the log tells it if it can.
    }
}

event_stream::follower::follower(event_stream& of)
    : of_{&of}
{
    if (!of.owned_events_) of.owned_events_ = std::make_unique<text_ring>(events_kept, line_octets);
    events_ = of.owned_events_.get();
    ++of.followers_;
    of.events_.store(of.owned_events_.get(), std::memory_order_release);
}

event_stream::follower::~follower()
{
    // A thread may be about to write there: so it is kept, and the next follower finds it.
    if (--of_->followers_ == 0) of_->events_.store(nullptr, std::memory_order_release);
}

} // namespace fendmail::app

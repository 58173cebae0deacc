// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/observe/text_ring.hpp"
#include "fendmail/core/event/event.hpp"

#include <atomic>
#include <cstddef>
#include <memory>

/// What has just happened, as JSON lines (core/event/render): the last decisions at any time, and
/// every event while there is a reader that follows.
///
/// Units: 512 decisions, 4,096 events; lines of at most 2 KiB.
/// Memory: 1 MiB for the decisions; 8 MiB for the events from the first time that they are
/// followed. Nothing for each client.
/// Errors: lines that are longer, or that come faster than they are read, are missing; their
/// numbers tell how many.
/// Threads: on() from any thread and without a lock; it renders nothing that has no reader but the
/// end of a session, which takes about a microsecond. All else from the main thread.
namespace fendmail::app {

class event_stream final : public event_sink {
public:
    static constexpr std::size_t decisions_kept = 512;
    static constexpr std::size_t events_kept = 4096;
    static constexpr std::size_t line_octets = 2048;

    event_stream();
    void on(const any_event& what) noexcept override;

    [[nodiscard]] const text_ring& decisions() const noexcept { return decisions_; }

    /// While one of these lives, all events are kept.
    class follower {
    public:
        explicit follower(event_stream& of);
        follower(const follower&) = delete;
        follower& operator=(const follower&) = delete;
        ~follower();
        [[nodiscard]] const text_ring& events() const noexcept { return *events_; }

    private:
        event_stream* of_;
        const text_ring* events_;
    };

private:
    text_ring decisions_;
    std::unique_ptr<text_ring> owned_events_; ///< once made it stays
    std::atomic<text_ring*> events_{nullptr}; ///< the same, while there are followers
    std::size_t followers_ = 0;
};

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/shared/snapshot.hpp"
#include "fendmail/core/event/event.hpp"
#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/backend/probe.hpp"
#include "fendmail/io/net/deadline_queue.hpp"
#include "fendmail/io/net/stream_group.hpp"

#include <boost/asio/io_context.hpp>
#include <ctime>
#include <functional>
#include <memory>
#include <random>
#include <sys/types.h>

/// Finds out whether the backend takes the addresses of clients, and what it offers them: at the
/// start, at a reload, when a client met something odd there, and again and again while there is
/// proof that it does not; where clients go on there from our dialog, every few minutes for what it
/// offers. One probe at a time for all workers.
///
/// The probe names an address for documentation (RFC 5737 §3), because to our own a backend may
/// offer what it offers no other (XCLIENT).
/// Units: pauses as below, each up to a fifth longer or shorter.
/// Memory: one reply while it asks.
/// Errors: a backend that cannot be asked is no proof: clients find out themselves. Where what it
/// offers is wanted, that is told once until it can be asked again.
/// Threads: the thread of its io_context; it shares snapshot::identity and snapshot::offers with
/// the workers.
namespace fendmail::app {

class backend_prover {
public:
    /// @param current the snapshot of the moment
    backend_prover(boost::asio::io_context& context,
                   std::function<std::shared_ptr<const snapshot>()> current,
                   std::function<event_sink&()> events);
    void start();
    /// Asks the backend of the snapshot of the moment, which may be another one.
    void ask_anew();
    void stop() noexcept;

private:
    /// What the socket of a UNIX backend is: another one when its server was started anew.
    struct socket_id {
        dev_t device = 0;
        ino_t number = 0; // may be used again
        timespec changed{};
        [[nodiscard]] bool is(const socket_id& other) const noexcept
        {
            return device == other.device && number == other.number &&
                   changed.tv_sec == other.changed.tv_sec &&
                   changed.tv_nsec == other.changed.tv_nsec;
        }
    };

    io::awaitable<void> run();
    io::awaitable<void> ask(std::shared_ptr<const snapshot> what);
    io::awaitable<io::proof> prove(std::shared_ptr<const snapshot> what);
    void plan(const snapshot& what, const io::proof& found);
    void judge(const snapshot& what, const io::proof& found);
    [[nodiscard]] milliseconds learn(const snapshot& what, const io::proof& found);
    [[nodiscard]] bool is_due(const snapshot& what);
    void be_due_at(tick when);
    [[nodiscard]] milliseconds backed_off(milliseconds longest);
    [[nodiscard]] static socket_id socket_of(const snapshot& what) noexcept;

    boost::asio::io_context* context_;
    std::function<std::shared_ptr<const snapshot>()> current_;
    std::function<event_sink&()> events_;
    io::steady_timer pause_;
    io::stream_group* streams_ = nullptr; ///< of the probe under way
    std::minstd_rand random_;
    tick next_{};
    unsigned tries_ = 0; ///< without a proof that it is well
    socket_id socket_;
    bool stopping_ = false;
    bool anew_ = false;
    bool is_told_ = false;       ///< that it cannot be asked what it offers
    bool is_for_offers_ = false; ///< the next probe has no other reason
};

} // namespace fendmail::app

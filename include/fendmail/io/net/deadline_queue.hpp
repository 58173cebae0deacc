// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/time.hpp"
#include "fendmail/io/waiter.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/set.hpp>
#include <cstddef>
#include <memory>

/// All deadlines of one worker behind one timer.
///
/// Units: steady time. A deadline rings when the `grain` it falls into is over, so never early and
/// up to a grain late: all that fall into one cost one wake, and the timer is set once for them.
/// Memory: nothing but the deadlines themselves, which live where they are used. Most are set in
/// the order in which they end (all greet waits are equally long), and then setting one costs
/// O(1); any other order costs O(log n).
/// Errors: none.
/// Threads: one worker.
namespace fendmail::io {

class deadline_queue;

/// A point in time by which a waiter is to be woken. Destroying or clearing it at any time is
/// safe, also while others ring.
class deadline : public boost::intrusive::set_base_hook<
                     boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
public:
    /// @param who must outlive the deadline
    deadline(deadline_queue& queue, waiter& who) noexcept
        : queue_{&queue}
        , who_{&who}
    {
    }
    deadline(const deadline&) = delete;
    deadline& operator=(const deadline&) = delete;
    ~deadline() = default;

    /// Sets or moves it; has_passed() is false until it rings.
    void set(tick due);
    void set_after(tick_span span);
    void clear() noexcept;
    [[nodiscard]] bool has_passed() const noexcept { return passed_; }

    friend bool operator<(const deadline& a, const deadline& b) noexcept { return a.due_ < b.due_; }

private:
    friend class deadline_queue;
    deadline_queue* queue_;
    waiter* who_;
    tick due_{};
    bool passed_ = false;
};

class deadline_queue {
public:
    static constexpr milliseconds grain{10};

    explicit deadline_queue(boost::asio::io_context& context);
    ~deadline_queue();
    deadline_queue(const deadline_queue&) = delete;
    deadline_queue& operator=(const deadline_queue&) = delete;

private:
    friend class deadline;
    void add(deadline& d);
    void arm(tick due);
    void ring();

    using set = boost::intrusive::multiset<deadline, boost::intrusive::constant_time_size<false>>;
    boost::asio::steady_timer timer_;
    set waiting_;
    tick armed_for_ = tick::max();          // on the grid of `grain`
    std::shared_ptr<deadline_queue*> self_; // a fired timer may find the queue gone
};

} // namespace fendmail::io

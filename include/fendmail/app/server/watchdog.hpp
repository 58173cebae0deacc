// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <functional>

/// Tells systemd's watchdog that the process is well, as long as all its threads answer: every half
/// of the limit each worker is asked, and the answer of the last one is the sign of life. A worker
/// that hangs, or a main loop that does, leaves it out, and systemd ends the process and starts
/// another.
///
/// Source: sd_watchdog_enabled(3), which wants a sign each half of the limit.
/// Units: the limit is systemd's WATCHDOG_USEC.
/// Memory: one timer, and one message for each worker.
/// Errors: none; a sign that systemd does not get is systemd's to judge.
/// Threads: the main thread; workers answer on their own, and that is brought here.
namespace fendmail::app {

class watchdog {
public:
    /// Asks all workers. Each answers by calling its argument once, on whatever thread.
    using question = std::function<void(const std::function<void()>& answer)>;

    /// @param workers how many answers a question brings
    /// @param alive the sign of life
    watchdog(boost::asio::io_context& context, std::size_t workers, question ask,
             std::function<void()> alive);

    void start(std::chrono::microseconds limit);
    /// No more questions and signs.
    void stop() noexcept;

private:
    void ask();
    void wait();
    void on_answer();

    boost::asio::io_context* context_;
    boost::asio::steady_timer pause_;
    question ask_;
    std::function<void()> alive_;
    std::size_t workers_;
    std::size_t missing_ = 0; ///< answers to the last question
    std::chrono::microseconds half_{0};
    bool stopped_ = true;
};

} // namespace fendmail::app

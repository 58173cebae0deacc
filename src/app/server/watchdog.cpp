// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/server/watchdog.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace fendmail::app {

namespace asio = boost::asio;

watchdog::watchdog(asio::io_context& context, std::size_t workers, question ask,
                   std::function<void()> alive)
    : context_{&context}
    , pause_{context}
    , ask_{std::move(ask)}
    , alive_{std::move(alive)}
    , workers_{workers}
{
}

void watchdog::start(std::chrono::microseconds limit)
{
    half_ = limit / 2;
    stopped_ = false;
    ask();
    wait();
}

void watchdog::stop() noexcept
{
    stopped_ = true;
    pause_.cancel();
}

/// The sign comes with the last answer and not at the next turn of the timer: a worker that is late
/// but well then has all of the second half to answer in.
void watchdog::ask()
{
    missing_ = workers_;
    ask_([this] { asio::post(*context_, [this] { on_answer(); }); });
}

void watchdog::wait()
{
    pause_.expires_after(half_);
    pause_.async_wait([this](const boost::system::error_code& error) {
        if (error || stopped_) return;
        // A worker without an answer has the question still; a second one would queue behind it.
        if (missing_ == 0) ask();
        wait();
    });
}

void watchdog::on_answer()
{
    if (--missing_ == 0 && !stopped_) alive_();
}

} // namespace fendmail::app

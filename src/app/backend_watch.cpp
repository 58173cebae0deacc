// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/backend_watch.hpp"

#include "fendmail/io/socket_address.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

namespace fendmail::app {

using io::no_throw;

backend_watch::backend_watch(boost::asio::io_context& context,
                             std::function<std::shared_ptr<const service>()> current)
    : current_{std::move(current)}
    , pause_{context}
    , trial_{context}
{
}

void backend_watch::start()
{
    boost::asio::co_spawn(pause_.get_executor(), run(), boost::asio::detached);
}

void backend_watch::stop() noexcept
{
    stopping_ = true;
    pause_.cancel();
    boost::system::error_code ignored; // closed either way
    trial_.close(ignored);
}

io::awaitable<void> backend_watch::run()
{
    while (!stopping_) {
        pause_.expires_after(interval);
        co_await pause_.async_wait(no_throw);
        if (stopping_) co_return;
        const auto now = current_();
        if (now->backend_health->is_failing() && co_await can_connect(now->config.backend))
            now->backend_health->on_connected();
    }
}

io::awaitable<bool> backend_watch::can_connect(const backend_options& to)
{
    const auto where = to.unix_path.empty() ? io::to_generic(to.tcp) : io::to_generic(to.unix_path);
    // Closing the socket ends the wait; whoever does not answer in time is not there.
    pause_.expires_after(to.connect_timeout);
    pause_.async_wait([this](const boost::system::error_code& error) {
        boost::system::error_code ignored;
        if (!error) trial_.close(ignored);
    });
    const auto [error] = co_await trial_.async_connect(where, no_throw);
    pause_.cancel();
    boost::system::error_code ignored;
    trial_.close(ignored);
    co_return !error;
}

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/server/backend_probe.hpp"

#include "fendmail/io/net/socket_address.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

namespace fendmail::app {

using io::no_throw;

backend_probe::backend_probe(boost::asio::io_context& context,
                             std::function<std::shared_ptr<const snapshot>()> current)
    : current_{std::move(current)}
    , pause_{context}
    , trial_{context}
{
}

void backend_probe::start()
{
    boost::asio::co_spawn(pause_.get_executor(), run(), boost::asio::detached);
}

void backend_probe::stop() noexcept
{
    stopping_ = true;
    pause_.cancel();
    boost::system::error_code ignored; // closed either way
    trial_.close(ignored);
}

io::awaitable<void> backend_probe::run()
{
    while (!stopping_) {
        pause_.expires_after(interval);
        co_await pause_.async_wait(no_throw);
        if (stopping_) co_return;
        const auto now = current_();
        if (now->backend_health->is_failing() && co_await can_connect(*now))
            now->backend_health->on_connected();
    }
}

/// To one of its addresses.
io::awaitable<bool> backend_probe::can_connect(const snapshot& what)
{
    const auto& to = what.config.backend;
    if (!to.unix_path.empty())
        co_return co_await can_connect(io::to_generic(to.unix_path), to.connect_timeout);
    const auto all = what.backend_address->in_turn();
    const auto count = static_cast<milliseconds::rep>(std::max<std::size_t>(all.size(), 1));
    for (const auto& where : all)
        if (co_await can_connect(io::to_generic(where), to.connect_timeout / count)) co_return true;
    co_return false;
}

io::awaitable<bool> backend_probe::can_connect(socket::endpoint_type where, milliseconds limit)
{
    // Closing the socket ends the wait; a backend that does not answer in time is not there.
    pause_.expires_after(limit);
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

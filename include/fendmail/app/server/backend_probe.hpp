// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/shared/snapshot.hpp"
#include "fendmail/io/awaiting.hpp"

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

/// A server that is not ready gets no clients, and without clients it would not be noticed that the
/// backend is back: so while it is failing, this looks whether it can be connected to, and it
/// counts as well until the next client. A backend that is well is never asked.
///
/// Memory: one socket while it looks.
/// Errors: none.
/// Threads: the thread of its io_context.
namespace fendmail::app {

class backend_probe {
public:
    static constexpr milliseconds interval{1000};

    /// @param current the snapshot of the moment
    backend_probe(boost::asio::io_context& context,
                  std::function<std::shared_ptr<const snapshot>()> current);
    void start();
    void stop() noexcept;

private:
    using socket =
        boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol, io::executor>;

    io::awaitable<void> run();
    io::awaitable<bool> can_connect(const snapshot& what);
    io::awaitable<bool> can_connect(socket::endpoint_type where, milliseconds limit);

    std::function<std::shared_ptr<const snapshot>()> current_;
    io::steady_timer pause_;
    socket trial_;
    bool stopping_ = false;
};

} // namespace fendmail::app

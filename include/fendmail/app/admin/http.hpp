// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/admin/site.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/core/listen_address.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/core/web/access.hpp"
#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/os/unique_fd.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

/// The admin's small HTTP server on one address, loopback or a UNIX socket: who may ask
/// (core/web/access), how long and how much; what there is to ask is the site's (site.hpp).
///
/// Source: RFC 9112 (through Boost.Beast); unix(7), SO_PEERCRED. One request for each connection.
///
/// Any peer that can connect can hold connections, and a probe that then gets no answer has the
/// process killed. So none is kept waiting for another: when one address has too many, or all
/// together have, the oldest has to go before it has said anything. A probe sends its request at
/// once and is answered long before it is the oldest. Streams, which stay, have places of their
/// own, and who is let in to one needed a token.
///
/// Units: octets, milliseconds.
/// Memory: at most `connections_max` requests of at most `header_octets` and `body_octets`.
/// Errors: the constructor throws std::runtime_error with what the system says.
/// Threads: the thread of its io_context.
namespace fendmail::app {

/// A listening socket of the admin's, and where it is.
struct admin_socket {
    io::unique_fd socket;
    listen_address where;
    bool is_removed_at_end = true; ///< of a UNIX socket: its file

    /// @throws std::runtime_error with what the system says; also when another process listens on
    /// that UNIX socket
    [[nodiscard]] static admin_socket bind(const listen_address& where);
};

class admin_http {
public:
    static constexpr std::size_t connections_max = 64;
    static constexpr std::size_t connections_max_of_one = 16; ///< address, or IPv6 /64
    static constexpr std::size_t streams_max = 8;
    static constexpr std::size_t header_octets = 8192;
    static constexpr std::size_t body_octets = 65536;
    static constexpr milliseconds asking_time_limit{3000};     ///< for a whole request
    static constexpr milliseconds answering_time_limit{60000}; ///< lists may be slow
    static constexpr milliseconds writing_time_limit{5000};    ///< for a reply, or a part of it
    static constexpr milliseconds stream_interval{200};
    static constexpr milliseconds stream_silence_max{10000}; ///< then a comment is sent

    /// @param site outlives this
    /// @param rules asked anew for each request
    admin_http(boost::asio::io_context& context, admin_socket at, admin_site& site,
               std::function<web::access_rules()> rules);
    ~admin_http();
    void start();
    void stop() noexcept;
    /// Who is connected is served to the end.
    void stop_accepting() noexcept;
    [[nodiscard]] const listen_address& where() const noexcept { return where_; }
    /// Another descriptor of the listening socket, for a process that takes over.
    [[nodiscard]] io::unique_fd duplicate();
    /// The file of a UNIX socket stays: another process listens there.
    void leave_file() noexcept { is_removed_at_end_ = false; }

private:
    using socket = admin_stream;
    using acceptor =
        boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol, io::executor>;

    struct connection {
        std::weak_ptr<socket> client;
        std::optional<network> source; ///< nothing on a UNIX socket
    };
    struct exchange;

    void make_room_for(const std::optional<network>& source);
    void close_oldest_of(const std::optional<network>& source);
    io::awaitable<void> accept();
    io::awaitable<void> serve(std::shared_ptr<socket> client);
    [[nodiscard]] std::optional<admin_reply> refuse(exchange& of);
    io::awaitable<void> refuse_length(exchange& of);
    io::awaitable<admin_reply> answer(exchange& of);
    io::awaitable<void> write(exchange& of, admin_reply reply);
    io::awaitable<void> stream(exchange& of, admin_reply reply);
    [[nodiscard]] bool keep(const exchange& of);

    acceptor acceptor_;
    listen_address where_;
    bool is_removed_at_end_;
    admin_site& site_;
    std::function<web::access_rules()> rules_;
    web::token_guesses guesses_;
    std::vector<connection> clients_; ///< the oldest first
    std::vector<std::weak_ptr<socket>> streams_;
    bool is_stopped_ = false;
};

} // namespace fendmail::app

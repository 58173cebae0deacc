// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/abuse/kernel_orders.hpp"
#include "fendmail/core/event/event.hpp"
#include "fendmail/core/throttle/lasting_trouble.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/awaiting.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

/// The bans that the kernel shall keep, told to the helper that brings them there (fendmail-nft).
///
/// Everything works without it: a helper that is missing, slow or in trouble is told as an event,
/// and what it does not keep away is turned away by the sessions. The socket is for processes of
/// our own user and of root; of several that connect the last one counts.
/// Memory: what the helper has not read yet, at most `unsent_max`; then it is disconnected, and
/// told everything when it comes again.
/// Errors: events.
/// Threads: the thread of its io_context.
namespace fendmail::app {

class kernel_link {
public:
    struct settings {
        std::string socket{}; ///< an absolute path; "" = off
        unsigned ipv6_prefix = 64;
        std::vector<std::uint16_t> ports{};
        friend bool operator==(const settings&, const settings&) = default;
    };
    /// All bans that the kernel shall keep now.
    using lister = std::function<std::vector<abuse::kernel_ban>()>;
    struct figures {
        bool is_on = false;
        bool is_connected = false;  ///< and the helper has said how it is
        abuse::kernel_state told{}; ///< with our own trouble, if there is one
        [[nodiscard]] bool is_well() const noexcept { return is_connected && told.trouble.empty(); }
    };
    static constexpr std::size_t unsent_max = std::size_t{16} << 20;

    kernel_link(boost::asio::io_context& context, event_sink& events, lister list);
    ~kernel_link();
    kernel_link(const kernel_link&) = delete;
    kernel_link& operator=(const kernel_link&) = delete;

    /// Off, or with another socket: what the helper keeps is given up first.
    void configure(const settings& now);
    void ban(const ip_address& who, seconds left);
    void unban(const ip_address& who);
    /// The whole list may be another one: tells it within a second.
    void list_again() noexcept { must_list_ = true; }
    /// Lets the helper go without a word, so that it keeps what it has.
    void stop();

    [[nodiscard]] bool is_on() const noexcept { return !settings_.socket.empty(); }
    [[nodiscard]] figures now() const;

private:
    using protocol = boost::asio::local::stream_protocol;
    using socket = boost::asio::basic_stream_socket<protocol, io::executor>;
    using acceptor = boost::asio::basic_socket_acceptor<protocol, io::executor>;
    struct connection;

    void open();
    void close();
    io::awaitable<void> accept(std::shared_ptr<acceptor> door);
    io::awaitable<void> hear(std::shared_ptr<connection> of);
    io::awaitable<void> write(std::shared_ptr<connection> to);
    void say(const abuse::kernel_order& what);
    void say_all();
    void flush();
    void drop(const std::shared_ptr<connection>& which);
    void take(const abuse::kernel_state& what);
    void keep_open(tick now);
    void look();
    void wait();
    [[nodiscard]] std::string trouble(tick now) const;

    boost::asio::io_context& context_;
    event_sink& events_;
    lister list_;
    settings settings_;
    std::shared_ptr<acceptor> acceptor_;
    std::shared_ptr<connection> helper_;
    abuse::kernel_state told_;                     ///< last, also when the helper has gone
    std::optional<std::pair<dev_t, ino_t>> place_; ///< of our socket's file
    tick next_open_{};
    std::string cannot_listen_;
    lasting_trouble trouble_;
    std::string trouble_text_;
    tick alone_since_{};
    tick heard_{};
    io::steady_timer timer_;
    bool is_heard_ = false; ///< of the helper that is there
    bool must_list_ = false;
    bool is_stopped_ = false;
};

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "storm/dialog.hpp"
#include "storm/reply_scanner.hpp"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string_view>

/// One client: carries a dialog over a socket and notes when what happened.
///
/// Memory: some 700 octets and a socket. It keeps itself alive until it is done.
/// Errors: are its `failure`.
/// Threads: the loop's.
namespace fendmail::storm {

using clock = std::chrono::steady_clock;

enum class failure : std::uint8_t {
    none,
    socket,  ///< it could not be made or bound: out of descriptors or ports
    connect, ///< refused or unreachable
    reset,   ///< the server cut it off before there was a verdict
    closed,  ///< the server closed before there was a verdict
    timeout, ///< no end in time
    stopped, ///< we ended while it was under way
};
inline constexpr std::size_t failure_count = 7;
[[nodiscard]] std::string_view to_string(failure what) noexcept;

struct client_plan {
    boost::asio::ip::tcp::endpoint target;
    boost::asio::ip::address_v4 source;
    storm::role role = role::visitor;
    std::size_t group = 0;
    std::string_view mail; ///< with its end; must outlive the client
    clock::time_point due; ///< when it was meant to come: latencies count from here
};

class client;

class client_owner {
public:
    virtual void on_connected(client& who) = 0;
    /// The first octets of the server came.
    virtual void on_heard(client& who) = 0;
    /// Called once, at the end; the owner gives it up.
    virtual void on_finished(client& who) = 0;

protected:
    ~client_owner() = default;
};

class client : public std::enable_shared_from_this<client> {
public:
    /// Both must outlive the client.
    client(boost::asio::io_context& context, client_owner& owner, const client_plan& plan);

    void start();
    /// Ends it at once; does nothing when it has ended.
    void stop(failure why);

    [[nodiscard]] const client_plan& plan() const noexcept { return plan_; }
    [[nodiscard]] clock::time_point started() const noexcept { return started_; }
    /// Zero unless it came to that.
    [[nodiscard]] clock::time_point connected_at() const noexcept { return connected_at_; }
    [[nodiscard]] clock::time_point heard_at() const noexcept { return heard_at_; }
    [[nodiscard]] clock::time_point greeted() const noexcept { return greeted_; }
    [[nodiscard]] clock::time_point decided() const noexcept { return decided_; }
    [[nodiscard]] storm::outcome outcome() const noexcept { return dialog_.outcome(); }
    /// Why there is no verdict; `none` when there is one.
    [[nodiscard]] storm::failure failure() const noexcept { return failure_; }
    [[nodiscard]] bool is_connected() const noexcept { return is_connected_; }
    /// The server said something.
    [[nodiscard]] bool was_heard() const noexcept { return was_heard_; }

    /// Its place among the owner's clients.
    std::list<std::shared_ptr<client>>::iterator place;

private:
    [[nodiscard]] bool open();
    void connected();
    void read();
    void take(std::string_view octets);
    void act(step what);
    void send(std::string_view text);
    void finish(storm::failure why);

    client_owner* owner_;
    client_plan plan_;
    boost::asio::ip::tcp::socket socket_;
    dialog dialog_;
    reply_scanner scanner_;
    clock::time_point started_;
    clock::time_point connected_at_;
    clock::time_point heard_at_;
    clock::time_point greeted_;
    clock::time_point decided_;
    storm::failure failure_ = failure::none;
    bool is_connected_ = false;
    bool was_heard_ = false;
    bool is_finished_ = false;
    std::array<char, 256> input_;
};

} // namespace fendmail::storm

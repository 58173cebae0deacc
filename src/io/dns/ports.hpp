// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/dns/name_server.hpp"
#include "fendmail/core/dns/question_table.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/os/unique_fd.hpp"

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <sys/socket.h>

/// The sockets towards one name server. Several are in use at a time, each for a second or 64
/// questions at most, because its port is half of what a forged answer must guess. Datagrams go to
/// the kernel and come from it several at a time.
///
/// Source: RFC 5452 §9.2 (ports and ids); sendmmsg(2), recvmmsg(2), socket(7) (SO_RXQ_OVFL).
/// Units: octets.
/// Memory: a socket and 1 KiB for each port; at most `ports_max` of them.
/// Errors: a datagram for which the kernel has no room, or we no descriptor, is lost, as on any
/// network. Other failures are told as `on_refused`.
/// Threads: one worker.
namespace fendmail::io {

/// The user of the ports.
class dns_port_user {
public:
    /// An answer with the id of a question that was sent from the port on which it came. Nothing of
    /// it but the id has been looked at. Within this call nothing of the ports may be called.
    virtual void on_datagram(dns::attempt_id to, std::uint32_t letters,
                             std::span<const std::uint8_t> octets) = 0;
    /// No program listens there, or there is no way to it.
    virtual void on_refused(std::size_t server) = 0;
    /// What came in while the ports are watched has been told.
    virtual void on_readable(std::size_t server) = 0;
    [[nodiscard]] virtual bool is_awaited(dns::attempt_id which) const noexcept = 0;

protected:
    ~dns_port_user() = default;
};

class dns_ports {
public:
    static constexpr std::size_t active = 4;
    static constexpr std::size_t ports_max = 16;
    static constexpr std::size_t questions_max = 64; ///< of one port
    static constexpr milliseconds age_max{1000};

    /// @param user must outlive this
    dns_ports(boost::asio::io_context& context, const dns::name_server& server, std::size_t index,
              dns_port_user& user);
    ~dns_ports();
    dns_ports(const dns_ports&) = delete;
    dns_ports& operator=(const dns_ports&) = delete;

    /// Keeps a datagram for flush(); all until then leave from the same port, if that has room.
    void send(std::span<const std::uint8_t> message, std::uint32_t letters, dns::attempt_id as);
    void flush();
    /// Reads all that has come in, and closes ports that are not needed.
    void read();

    /// Without watching, what comes in is not told: read() is called now and then instead. A
    /// port must not even be in epoll then, where each datagram would wake the loop.
    void watch(bool on);

    /// Datagrams that the kernel has dropped because we did not read them in time.
    [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }

private:
    struct port;
    struct unsent {
        port* from;
        std::size_t begin;
        std::size_t size;
    };

    [[nodiscard]] port* port_for_batch();
    [[nodiscard]] std::shared_ptr<port> open();
    void make_room();
    void sweep();
    [[nodiscard]] bool is_awaited(const port& of) const noexcept;
    void listen(const std::shared_ptr<port>& at);
    [[nodiscard]] std::size_t send_some(std::size_t first);
    [[nodiscard]] bool read_some(port& from);

    boost::asio::io_context& context_;
    dns::name_server server_;
    std::size_t index_;
    dns_port_user& user_;
    bool is_watching_ = true;
    std::vector<std::shared_ptr<port>> ports_; ///< oldest first
    std::array<std::weak_ptr<port>, active> active_;
    port* batch_ = nullptr; ///< of what has not been flushed
    std::vector<unsent> unsent_;
    std::vector<std::uint8_t> unsent_octets_;
    std::uint64_t dropped_ = 0;
    std::shared_ptr<dns_ports*> self_; ///< a callback may find us gone
};

} // namespace fendmail::io

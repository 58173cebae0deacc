// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/time.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <ares.h>
#include <netinet/in.h>
#include <sys/uio.h>

/// The sockets of one c-ares channel. Datagrams go to the kernel and come from it several at a
/// time, and one socket is used again by queries that begin soon after it was opened: c-ares opens
/// one whenever it has been idle, which is once for each client where resolvers are fast.
///
/// Source: ares_set_socket_functions(3); sendmmsg(2), recvmmsg(2).
/// Units: sizes in octets.
/// Memory: 20 KiB for datagrams that came in; what waits to be sent.
/// Errors: a datagram for which the kernel has no room is lost, as on any network, and asked again
/// after its time. Any other failure to send is told to c-ares by its next read of the socket.
/// Threads: one worker.
namespace fendmail::io {

class dns_sockets {
public:
    /// For how long a socket that c-ares has closed, because no query ran, is used again: its port
    /// is half of what a forger must guess. While queries run without a pause c-ares keeps it.
    static constexpr milliseconds reuse_time{1000};

    dns_sockets();
    dns_sockets(const dns_sockets&) = delete;
    dns_sockets& operator=(const dns_sockets&) = delete;
    /// @pre the channel is gone
    ~dns_sockets();

    /// Makes `channel` use this for all its sockets; this must outlive it.
    void serve(ares_channel channel) noexcept;

    [[nodiscard]] bool is_datagram(ares_socket_t socket) const noexcept
    {
        return std::ranges::find(datagram_sockets_, socket) != datagram_sockets_.end();
    }

    /// Datagrams wait to be sent.
    [[nodiscard]] bool has_unsent() const noexcept { return !unsent_.empty(); }
    /// Sends them.
    /// @return a socket that failed: c-ares is to read it
    [[nodiscard]] std::optional<ares_socket_t> flush() noexcept;
    /// Before each ares_process_fd(): from now on the kernel is asked again for what came in.
    void begin_read() noexcept { received_->forget(); }
    /// c-ares has left datagrams that came in.
    [[nodiscard]] bool has_unread() const noexcept { return received_->next < received_->count; }

private:
    // Without EDNS an answer has at most 512 octets (RFC 1035 §2.3.4); c-ares asks again by TCP
    // when there are more.
    static constexpr std::size_t datagram_octets = 640;
    static constexpr std::size_t datagrams = 32;

    struct latest_socket {
        ares_socket_t number = ARES_SOCKET_BAD;
        sockaddr_in6 peer{}; // or a sockaddr_in; family 0 = not connected
        tick opened{};
        bool is_kept = false; // c-ares has closed it, we have not
    };
    struct unsent_datagram {
        ares_socket_t socket;
        std::size_t begin;
        std::size_t size;
    };
    struct received_datagrams {
        ares_socket_t from = ARES_SOCKET_BAD;
        std::size_t next = 0;
        std::size_t count = 0;
        bool is_all = false; // the kernel had no more
        std::array<std::size_t, datagrams> sizes{};
        std::array<sockaddr_in6, datagrams> senders{}; // or sockaddr_in
        std::array<std::array<std::uint8_t, datagram_octets>, datagrams> octets{};

        void forget() noexcept
        {
            from = ARES_SOCKET_BAD;
            next = count = 0;
        }
    };
    struct failure {
        ares_socket_t socket = ARES_SOCKET_BAD;
        int number = 0;
    };

    static const ares_socket_functions functions;

    [[nodiscard]] ares_socket_t open(int family, int type) noexcept;
    [[nodiscard]] int connect(ares_socket_t socket, const sockaddr* to, socklen_t size) noexcept;
    [[nodiscard]] int close(ares_socket_t socket) noexcept;
    [[nodiscard]] ssize_t send(ares_socket_t socket, const iovec* parts, int count) noexcept;
    [[nodiscard]] ssize_t receive(ares_socket_t socket, void* to, std::size_t room,
                                  sockaddr* sender, socklen_t* sender_size) noexcept;
    [[nodiscard]] bool fetch(ares_socket_t socket) noexcept;
    [[nodiscard]] std::size_t send_some(std::size_t first) noexcept;
    [[nodiscard]] bool may_be_reused() const noexcept;
    void really_close(ares_socket_t socket) noexcept;

    std::vector<ares_socket_t> datagram_sockets_; // one for each resolver at most, and a kept one
    latest_socket latest_;
    std::vector<unsent_datagram> unsent_;
    std::vector<std::uint8_t> unsent_octets_;
    failure failed_;
    std::unique_ptr<received_datagrams> received_;
};

} // namespace fendmail::io

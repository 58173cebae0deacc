// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/io/tls/context.hpp"
#include "fendmail/io/tls/openssl_handles.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

/// TLS on one non-blocking socket, without waiting: each call does what can be done at once and
/// says what has to be waited for before it is called again.
///
/// OpenSSL works on the socket itself, through a BIO of ours: no copy in between, and nothing that
/// is on its way in a buffer when a wait is cancelled. So every wait can be dropped and started
/// again. asio::ssl::stream keeps encrypted octets of its own, of which the rest is lost when the
/// write of them is cancelled.
///
/// Source: RFC 8446, RFC 5246.
/// Units: octets.
/// Memory: measured with 2,000 idle sessions 14 KiB for each (asio::ssl::stream: 73 KiB); up to
/// 2 x 17 KiB more while octets move, and up to 128 KiB for a ClientHello under way.
/// Errors: as values, with OpenSSL's reason as text.
/// Threads: one worker.
namespace fendmail::io {

enum class tls_next : std::uint8_t {
    done,
    wait_read,
    wait_write,
    closed, ///< the other side has ended its direction, with or without close_notify
    failed, ///< error() says why; nothing more can be done with the session
};

struct tls_step {
    tls_next then = tls_next::failed;
    std::size_t octets = 0; ///< with `done`: read or written
};

class tls_session {
public:
    /// @param descriptor a socket, which stays the caller's
    /// @param server_name of a client's session: the name to ask for; "" = none
    /// @return nothing when memory is short
    [[nodiscard]] static std::unique_ptr<tls_session>
    make(const tls_context& context, int descriptor, const std::string& server_name);
    tls_session(const tls_session&) = delete;
    tls_session& operator=(const tls_session&) = delete;
    ~tls_session();

    [[nodiscard]] tls_step handshake() noexcept;
    /// Fails, as do all below, unless the handshake was done.
    /// @pre `into` is not empty
    [[nodiscard]] tls_step read(std::span<char> into) noexcept;
    /// As read(), but leaves the octets for the next read or look.
    [[nodiscard]] tls_step look(std::span<char> into) noexcept;
    /// Writes some of it. After `wait_…` it has to be called with the same octets again.
    [[nodiscard]] tls_step write(std::string_view octets) noexcept;

    /// A write that began will not be called again: from now on all of them fail, since the rest
    /// of its record is missing.
    void abandon_write() noexcept { is_torn_ = true; }
    /// The handshake will not be called again: from now on everything fails.
    void give_up(std::string_view why);
    /// Says that we write no more, if the socket takes it at once.
    void close_notify() noexcept;
    /// The socket was closed, and its number may be that of another soon.
    void detach() noexcept { descriptor_ = -1; }

    [[nodiscard]] bool is_established() const noexcept { return is_established_; }
    /// "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)"
    [[nodiscard]] std::string summary() const;
    /// Of the other side's certificate: "CN = mx.example.org, until 2027-02-28"; "" when there is
    /// none. A text of a stranger's; nothing has verified it.
    [[nodiscard]] std::string certificate() const;
    [[nodiscard]] const std::string& error() const noexcept { return error_; }

private:
    /// The way of OpenSSL to the socket.
    struct socket_bio;

    tls_session() = default;
    [[nodiscard]] bool is_usable() const noexcept;
    void begin() noexcept;
    [[nodiscard]] tls_step step_after(int result, std::size_t octets) noexcept;

    openssl::ssl_handle ssl_;
    int descriptor_ = -1;
    unsigned receives_left_ = 0;
    bool is_at_end_ = false; ///< of what the other side sends
    bool is_established_ = false;
    bool is_broken_ = false;
    bool is_torn_ = false;
    std::string error_;
};

} // namespace fendmail::io

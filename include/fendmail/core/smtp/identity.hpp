// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/smtp/reply.hpp"
#include "fendmail/core/smtp/reply_tracker.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

/// Whether a backend has taken the address of a client that a PROXY header told it, by what it says
/// first. One that does not expect a header takes it for a command: it says one reply too many, and
/// everything behind it would be a session of our own address, which it may trust with relaying.
///
/// Source: the PROXY protocol §2 (sent before anything else, never answered); RFC 5321 §4.3.1 (one
/// reply to each command, in order), §3.8 (a server may say 421 at any time).
/// Memory: constant.
/// Errors: none.
/// Threads: values.
namespace fendmail::smtp {

enum class identity : std::uint8_t {
    fine,     ///< nothing speaks against it
    unclear,  ///< it misbehaves, which may have other reasons: a probe may find out
    mistaken, ///< proof that it takes the client for us, or for one without an address
};

/// What a backend says unasked before it closes: it waited too long, or ends. RFC 5321 has 421 for
/// that, and some say 451.
[[nodiscard]] bool is_farewell(std::string_view unasked) noexcept;
/// A refusal because we spoke before the greeting, which only a backend does that took the header
/// for it.
[[nodiscard]] bool is_about_early_talk(const reply& r);
/// It does not understand what we say, or wants something before it: our trouble, not the mail's.
[[nodiscard]] bool is_about_protocol(int code) noexcept;
/// An EHLO or HELO that every server reads as one line and answers once, whatever it thinks of it.
/// Only then does one reply more prove anything: no client can bring about a second one.
/// @param line with or without its end
[[nodiscard]] bool is_plain_hello(std::string_view line) noexcept;

/// Counts the replies that come once QUIT was sent: whose last reply was the one to our last
/// command says one, and whose was the one to the header has another one to say.
class farewell_count {
public:
    /// @return false when nothing more is to be expected: the good-bye was there, or no SMTP
    [[nodiscard]] bool feed(std::string_view octets) noexcept;
    [[nodiscard]] bool has_one_too_many() const noexcept { return replies_ > 1; }

private:
    reply_tracker reply_;
    std::size_t replies_ = 0;
    bool done_ = false;
};

[[nodiscard]] std::string_view to_string(identity i) noexcept;

} // namespace fendmail::smtp

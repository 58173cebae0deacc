// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

/// Reads along what a backend says to a client that is relayed: how much mail it took, and how many
/// recipients it did not know. It changes nothing and holds nothing up.
///
/// Source: RFC 5321 §4.2, §4.3.2 (354 begins a message, the next reply ends it), RFC 3463 §3.2
/// (X.1.1: bad destination mailbox); texts of Postfix, Exim and OpenSMTPD where a server sends no
/// enhanced code.
/// Units: counts.
/// Memory: the first octets of a line.
/// Errors: none; what is no reply counts for nothing.
/// Threads: one owner.
namespace fendmail::smtp {

class reply_watch {
public:
    void on_backend(std::string_view octets) noexcept;

    /// Messages that the backend took.
    [[nodiscard]] std::uint32_t accepted() const noexcept { return accepted_; }
    /// Recipients that it did not know.
    [[nodiscard]] std::uint32_t unknown_recipients() const noexcept { return unknown_; }
    /// TLS has begun between client and backend, and nothing is seen any more.
    [[nodiscard]] bool is_blind() const noexcept { return is_blind_; }

private:
    void on_line() noexcept;
    [[nodiscard]] bool is_unknown_recipient(std::string_view text) const noexcept;

    std::array<char, 120> line_{};
    std::size_t size_ = 0; ///< of the line, as far as it is kept
    std::uint32_t accepted_ = 0;
    std::uint32_t unknown_ = 0;
    bool has_message_ = false; ///< the next reply is about one
    bool is_blind_ = false;
};

/// So many unknown recipients in one session, and no mail that was taken, are a harvest of
/// addresses and not a mailing list with old ones.
inline constexpr std::uint32_t harvest_recipients = 5;
[[nodiscard]] bool is_harvest(const reply_watch& seen) noexcept;

} // namespace fendmail::smtp

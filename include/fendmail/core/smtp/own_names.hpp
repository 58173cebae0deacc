// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The names and addresses of this host, which no client can have: one that says HELO with them
/// has put on whatever it found.
///
/// Source: RFC 5321 §4.1.1.1 (HELO names the client), §4.1.3 (address literals).
/// Memory: the texts.
/// Errors: none; a text that is no address is a name.
/// Threads: values only.
namespace fendmail::smtp {

class own_names {
public:
    own_names() = default;
    /// "mx1.example.org", "192.0.2.1"
    void add(std::string_view text);
    /// @param helo as the client sent it: a name, "[192.0.2.1]", "[IPv6:2001:db8::1]", or an
    /// address without brackets, which many bots send
    /// @param local the address that the client connected to, one more of ours
    [[nodiscard]] bool has(std::string_view helo, const ip_address& local) const noexcept;

    [[nodiscard]] bool has_address(const ip_address& address) const noexcept;

private:
    std::vector<std::string> names_; ///< without a final dot
    std::vector<ip_address> addresses_;
};

/// The address that a HELO name is, with or without brackets.
[[nodiscard]] std::optional<ip_address> helo_address(std::string_view helo) noexcept;

} // namespace fendmail::smtp

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/throttle/budget.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

/// How much of what a client may do in a time. What is beyond it is a temporary failure, never a
/// permanent one: mail of a client that comes too fast comes later.
///
/// Units: budgets (core/throttle/budget); prefix lengths in bits.
/// Memory: a few words.
/// Errors: none.
/// Threads: values.
namespace fendmail::abuse {

enum class rate : std::uint8_t {
    connections,        ///< of one client
    network,            ///< connections of one network
    tls_handshakes,     ///< of one client
    refused_recipients, ///< of one client, by us
};
inline constexpr std::array all_rates{rate::connections, rate::network, rate::tls_handshakes,
                                      rate::refused_recipients};
inline constexpr std::size_t rate_count = all_rates.size();

enum class rate_action : std::uint8_t {
    ignore, ///< told, and nothing comes of it
    defer,  ///< 421
    drop,   ///< the connection is closed without a word
};
inline constexpr std::array all_rate_actions{rate_action::ignore, rate_action::defer,
                                             rate_action::drop};

struct rate_rules {
    rate_action action = rate_action::ignore;
    budget connections{};
    budget network{};
    budget tls_handshakes{};
    budget refused_recipients{};
    unsigned ipv4_network_prefix = 24;
    unsigned ipv6_network_prefix = 48;
    std::uint32_t table_size = 65536; ///< clients and networks that are counted

    [[nodiscard]] const budget& of(rate which) const noexcept
    {
        switch (which) {
        case rate::connections: return connections;
        case rate::network: return network;
        case rate::tls_handshakes: return tls_handshakes;
        case rate::refused_recipients: break;
        }
        return refused_recipients;
    }
    friend bool operator==(const rate_rules&, const rate_rules&) = default;
};

[[nodiscard]] std::string_view to_string(rate r) noexcept;
[[nodiscard]] std::string_view to_string(rate_action a) noexcept;

} // namespace fendmail::abuse

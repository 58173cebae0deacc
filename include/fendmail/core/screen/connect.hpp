// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/acl/access_list.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/core/smtp/reply.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

/// What is decided of a connection before the client is tested: limits, and the address that it
/// came to.
///
/// Source: postscreen's replies to clients beyond its limits; its MX policy.
/// Units: counts of sessions; a limit of 0 is none.
/// Errors: none.
namespace fendmail::screen {

enum class connect_refusal : std::uint8_t {
    too_many_connections,
    all_screening_ports_busy,
    all_server_ports_busy,
    network_asked_too_much, ///< its neighbours have had all lookups of lists that a network may
                            ///< have
};

struct connect_limits {
    std::size_t clients_per_address = 0;
    std::size_t screening = 0;
    std::size_t handing_off = 0;
};

struct connect_load {
    std::size_t of_client = 0;   ///< sessions of the client, this one included
    std::size_t screening = 0;   ///< clients that are screened, this one included
    std::size_t handing_off = 0; ///< sockets in transit; 0 where none are passed
};

/// Why any client is sent away, known or not.
[[nodiscard]] std::optional<connect_refusal> refused_at_connect(const connect_limits& limits,
                                                                const connect_load& load) noexcept;
/// Why one is sent away that would have to be screened. A client that is known or permitted needs
/// no place among those.
[[nodiscard]] std::optional<connect_refusal> refused_to_screen(const connect_limits& limits,
                                                               const connect_load& load) noexcept;

/// Whether the socket of a known client may wait to be passed on together with others. Where their
/// number comes near its limit, none may count for longer than it takes: others would be turned
/// away for it.
[[nodiscard]] bool may_wait_in_transit(const connect_limits& limits,
                                       const connect_load& load) noexcept;

/// What the client hears of it.
[[nodiscard]] smtp::reply reply_to(connect_refusal why);
/// What any client hears at an orderly stop.
[[nodiscard]] smtp::reply reply_at_stop();

/// Whether a new client can earn a pass at this address of ours.
/// @param interfaces empty = at all
[[nodiscard]] bool can_earn_pass(const acl::access_list& interfaces,
                                 const ip_address& local) noexcept;

/// Whose lookups of lists are counted together with those of this client.
/// @param ipv6_prefix of the networks that count as one client
[[nodiscard]] network neighbours_of(const ip_address& client, unsigned ipv6_prefix) noexcept;

[[nodiscard]] std::string_view to_string(connect_refusal c) noexcept;

} // namespace fendmail::screen

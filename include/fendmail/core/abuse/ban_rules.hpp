// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/abuse/offence.hpp"
#include "fendmail/core/time.hpp"

#include <array>
#include <cstdint>
#include <string_view>

/// When a client is banned, for how long, and what that means for it.
///
/// Units: points; wall time.
/// Memory: a few words.
/// Errors: none.
/// Threads: values.
namespace fendmail::abuse {

enum class ban_action : std::uint8_t {
    ignore,  ///< told, and nothing comes of it
    defer,   ///< 421
    enforce, ///< its recipients are refused with a 550 that says why and for how long
    drop,    ///< the connection is closed without a word
};
inline constexpr std::array all_ban_actions{ban_action::ignore, ban_action::defer,
                                            ban_action::enforce, ban_action::drop};

/// Why a client that has the points for it is not banned.
enum class ban_guard : std::uint8_t {
    none,
    own_address,
    balancer, ///< one of proxy_protocol.trusted
    resolver,
    backend,
    private_network, ///< what comes from there is ours: a balancer, a container's bridge
    permitted,       ///< by an access rule, for good or for a time
    known_sender,
    known_recipient, ///< it takes our mail
    never,           ///< bans.never
    accepted_mail,
    gateway, ///< much of all mail comes from there
};
inline constexpr std::array all_ban_guards{
    ban_guard::own_address,   ban_guard::balancer,        ban_guard::resolver,
    ban_guard::backend,       ban_guard::private_network, ban_guard::permitted,
    ban_guard::known_sender,  ban_guard::known_recipient, ban_guard::never,
    ban_guard::accepted_mail, ban_guard::gateway,
};

struct ban_rules {
    ban_action action = ban_action::ignore;
    int score = 10; ///< points at which a client is banned
    by_offence<int> points = default_points();
    seconds window = std::chrono::hours{1}; ///< in which `score` points leak away
    seconds time = std::chrono::hours{6};
    seconds max_time = std::chrono::days{7};
    seconds forget = std::chrono::days{30}; ///< without an offence for so long it begins anew
    unsigned network_after = 0;             ///< banned addresses in a network; 0 = never
    seconds network_time = std::chrono::hours{2};
    unsigned ipv4_network_prefix = 24;
    unsigned ipv6_network_prefix = 48;
    std::uint32_t max_new_per_minute = 500;

    [[nodiscard]] static constexpr by_offence<int> default_points() noexcept
    {
        by_offence<int> all;
        all[offence::pregreet] = 3;
        all[offence::dnsbl] = 5;
        all[offence::non_smtp_command] = 5;
        all[offence::pipelining] = 3;
        all[offence::bare_newline] = 2;
        all[offence::rate] = 2;
        all[offence::unknown_recipients] = 3;
        return all;
    }
    friend bool operator==(const ban_rules&, const ban_rules&) = default;
};

/// How long mail that was accepted from a client keeps it from being banned.
inline constexpr seconds accepted_mail_guards = std::chrono::days{7};

[[nodiscard]] std::string_view to_string(ban_action a) noexcept;
[[nodiscard]] std::string_view to_string(ban_guard g) noexcept;

} // namespace fendmail::abuse

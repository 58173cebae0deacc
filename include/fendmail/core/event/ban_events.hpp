// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/abuse/ban_rules.hpp"
#include "fendmail/core/abuse/offender.hpp"
#include "fendmail/core/abuse/rates.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/core/event/base.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/core/units.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// Clients that come too often or did too much, and what that leads to.
namespace fendmail::event {

/// "192.0.2.1", "192.0.2.0/24": a network of one address is that address.
[[nodiscard]] inline std::string name_of(const network& who)
{
    return who.prefix_length == who.address.bits() ? to_text(who.address) : to_text(who);
}

[[nodiscard]] constexpr std::string_view words_of(abuse::rate which) noexcept
{
    switch (which) {
    case abuse::rate::connections: return "connections";
    case abuse::rate::network: return "connections of its network";
    case abuse::rate::tls_handshakes: return "TLS handshakes";
    case abuse::rate::refused_recipients: return "refused recipients";
    }
    return "of something unknown";
}

/// A client came faster than a rate allows.
struct rate_exceeded : of_client {
    static constexpr description about{"rate_exceeded"};

    abuse::rate rate = abuse::rate::connections;
    network who{}; ///< that is counted: the client, or a network
    budget allowed{};
    abuse::rate_action action = abuse::rate_action::ignore; ///< what comes of it

    void fields(auto& out) const
    {
        of_client::fields(out);
        out.word("rate", to_string(rate));
        out.word("network", name_of(who));
        out.word("allowed", to_text(allowed));
        out.word("action", to_string(action));
    }
    void phrase(auto& out) const
    {
        if (action == abuse::rate_action::ignore)
            out.say("RATE EXCEEDED by {}: more {} than {} of {}; only told", to_text(client),
                    words_of(rate), to_text(allowed), name_of(who));
        else
            out.say("NOQUEUE: reject: CONNECT from {}: more {} than {} of {}", to_text(client),
                    words_of(rate), to_text(allowed), name_of(who));
    }
};

/// A client, or a network, is banned from now on.
struct client_banned {
    static constexpr description about{"client_banned"};

    network who{};
    abuse::ban_origin origin = abuse::ban_origin::offences;
    std::string_view why;
    std::uint32_t count = 0; ///< which ban of this client it is
    seconds span{0};
    abuse::ban_action action = abuse::ban_action::ignore; ///< what that means for it

    void fields(auto& out) const
    {
        out.word("network", name_of(who));
        out.word("origin", to_string(origin));
        out.own_text("why", why);
        out.number("count", count);
        out.number("span_seconds", span.count());
        out.word("action", to_string(action));
    }
    void phrase(auto& out) const
    {
        out.say("BANNED {} for {}", name_of(who), age_text(span));
        if (count > 1) out.say(" (ban {})", count);
        out.say(": ");
        out.own(why);
        if (action == abuse::ban_action::ignore) out.say("; only told");
    }
};

/// A client that is banned has come.
struct banned_client : of_client {
    static constexpr description about{"banned_client"};

    network who{}; ///< that is banned
    std::string_view why;
    seconds left{0};
    abuse::ban_action action = abuse::ban_action::ignore;

    void fields(auto& out) const
    {
        of_client::fields(out);
        out.word("network", name_of(who));
        out.own_text("why", why);
        out.number("left_seconds", left.count());
        out.word("action", to_string(action));
    }
    void phrase(auto& out) const
    {
        switch (action) {
        case abuse::ban_action::ignore:
        case abuse::ban_action::enforce: out.say("BANNED CLIENT {}: ", to_text(client)); break;
        case abuse::ban_action::defer:
        case abuse::ban_action::drop:
            out.say("NOQUEUE: reject: CONNECT from {}: ", to_text(client));
            break;
        }
        out.say("{} is banned for {} more: ", name_of(who), age_text(left));
        out.own(why);
        if (action == abuse::ban_action::ignore) out.say("; only told");
    }
};

struct ban_ended {
    static constexpr description about{"ban_ended"};

    network who{};
    bool by_admin = false; ///< before its time

    void fields(auto& out) const
    {
        out.word("network", name_of(who));
        out.flag("by_admin", by_admin);
    }
    void phrase(auto& out) const
    {
        out.say("BAN of {} {}", name_of(who), by_admin ? "taken back by an admin" : "is over");
    }
};

/// A client has the points for a ban and is not banned.
struct ban_withheld {
    static constexpr description about{"ban_withheld", level::warning};

    network who{};
    abuse::ban_guard guard = abuse::ban_guard::none;
    std::string_view why; ///< what it did

    void fields(auto& out) const
    {
        out.word("network", name_of(who));
        out.word("guard", to_string(guard));
        out.own_text("why", why);
    }
    void phrase(auto& out) const
    {
        out.say("{} is not banned, because of what it is ({}), though it has the points for it: ",
                name_of(who), to_string(guard));
        out.own(why);
    }
};

/// More bans came than are believed.
struct bans_paused {
    static constexpr description about{"bans_paused", level::warning};

    std::uint32_t per_minute = 0;

    void fields(auto& out) const { out.number("per_minute", per_minute); }
    void phrase(auto& out) const
    {
        out.say("more than {} new bans in a minute: no client is banned until there are fewer "
                "(bans.max_new_per_minute)",
                per_minute);
    }
};

struct bans_resumed {
    static constexpr description about{"bans_resumed"};

    std::uint64_t not_made = 0;

    void fields(auto& out) const { out.number("not_made", not_made); }
    void phrase(auto& out) const
    {
        out.say("clients are banned again; {} bans were not made meanwhile", not_made);
    }
};

/// The helper that keeps bans in the kernel is missing, or cannot keep them all.
struct kernel_bans_failing {
    static constexpr description about{"kernel_bans_failing", level::warning};

    std::string_view why;
    seconds after{0}; ///< for how long that has been so

    void fields(auto& out) const
    {
        out.own_text("why", why);
        out.number("after_seconds", after.count());
    }
    void phrase(auto& out) const
    {
        out.say("bans in the kernel: ");
        out.own(why);
        if (after.count() != 0) out.say("; for {} now", age_text(after));
    }
};

struct kernel_bans_restored {
    static constexpr description about{"kernel_bans_restored"};

    std::size_t held = 0;
    seconds after{0};

    void fields(auto& out) const
    {
        out.number("held", held);
        out.number("after_seconds", after.count());
    }
    void phrase(auto& out) const
    {
        out.say("bans are in the kernel again after {}: it keeps {} clients off", age_text(after),
                held);
    }
};

using ban_events = family<rate_exceeded, client_banned, banned_client, ban_ended, ban_withheld,
                          bans_paused, bans_resumed, kernel_bans_failing, kernel_bans_restored>;

} // namespace fendmail::event

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/event/base.hpp"
#include "fendmail/core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

/// Lists, and the resolvers they are asked through.
namespace fendmail::event {

struct dnsbl_listed {
    static constexpr description about{"dnsbl_listed", level::info, "dnsblog"};

    ip_address client;
    std::string_view zone;
    ip_address answer;

    void fields(auto& out) const
    {
        out.address("client", client);
        out.own_text("zone", zone);
        out.address("answer", answer);
    }
    void phrase(auto& out) const
    {
        out.say("addr {} listed by domain ", to_text(client));
        out.own(zone);
        out.say(" as {}", to_text(answer));
    }
};

/// An answer that is not a listing: an error code of the list, or what no list answers.
struct dnsbl_answer_ignored {
    static constexpr description about{"dnsbl_answer_ignored", level::warning};

    ip_address client;
    std::string_view zone;
    ip_address answer;
    bool error_code = false;

    void fields(auto& out) const
    {
        out.address("client", client);
        out.own_text("zone", zone);
        out.address("answer", answer);
        out.flag("error_code", error_code);
    }
    void phrase(auto& out) const
    {
        out.say("dnsbl ");
        out.own(zone);
        out.say(" answers {} for {}, ", to_text(answer), to_text(client));
        out.say("{}", error_code
                          ? "an error code of the list and not a listing; it is ignored: check "
                            "whether the list lets this resolver ask"
                          : "which no list answers; it is ignored: check the resolver, and whether "
                            "the list still exists");
    }
};

struct dnsbl_failed {
    static constexpr description about{"dnsbl_failed", level::warning};

    ip_address client;
    std::string_view zone;
    std::string_view reason;

    void fields(auto& out) const
    {
        out.address("client", client);
        out.own_text("zone", zone);
        out.own_text("reason", reason);
    }
    void phrase(auto& out) const
    {
        out.say("dnsbl ");
        out.own(zone);
        out.say(" gives no answer for {}: ", to_text(client));
        out.own(reason);
        out.say("; counted as not listed");
    }
};

/// A list counts for nothing until its test succeeds.
struct list_suspended {
    static constexpr description about{"list_suspended", level::warning};

    std::string_view zone;
    std::string_view trouble; ///< one word of dnsbl::zone_trouble
    std::string_view reason;  ///< the same as a sentence
    std::string_view advice;

    void fields(auto& out) const
    {
        out.own_text("zone", zone);
        out.word("trouble", trouble);
        out.own_text("reason", reason);
        out.own_text("advice", advice);
    }
    void phrase(auto& out) const
    {
        out.say("dnsbl ");
        out.own(zone);
        out.say(" suspended: ");
        out.own(reason);
        out.say("; it counts for nothing until its test succeeds: ");
        out.own(advice);
    }
};

struct list_restored {
    static constexpr description about{"list_restored"};

    std::string_view zone;
    seconds after{0};

    void fields(auto& out) const
    {
        out.own_text("zone", zone);
        out.number("after_seconds", after.count());
    }
    void phrase(auto& out) const
    {
        out.say("dnsbl ");
        out.own(zone);
        out.say(" is in use again after {} s: its test succeeded", after.count());
    }
};

/// All lists behind it are suspended: it answers for names that do not exist.
struct resolver_distrusted {
    static constexpr description about{"resolver_distrusted", level::warning};

    std::string_view resolver;

    void fields(auto& out) const { out.own_text("resolver", resolver); }
    void phrase(auto& out) const
    {
        out.say("resolver ");
        out.own(resolver);
        out.say(
            " answers for names that do not exist; the lists asked through it count for nothing "
            "until it stops: use a resolver that does not rewrite answers (dnsbl.resolvers)");
    }
};

struct resolver_restored {
    static constexpr description about{"resolver_restored"};

    std::string_view resolver;
    seconds after{0};

    void fields(auto& out) const
    {
        out.own_text("resolver", resolver);
        out.number("after_seconds", after.count());
    }
    void phrase(auto& out) const
    {
        out.say("resolver ");
        out.own(resolver);
        out.say(" is trusted again after {} s", after.count());
    }
};

/// Of a resolver in some seconds: datagrams, and how long it is waited for before one is lost.
struct resolver_traffic {
    std::uint64_t sent = 0;
    std::uint64_t answered = 0;
    std::uint64_t lost = 0;
    milliseconds retransmission{0};
    std::size_t window = 0; ///< datagrams that the slowest list may have on their way

    void fields(auto& out) const
    {
        out.number("sent", sent);
        out.number("answered", answered);
        out.number("lost", lost);
        out.duration("retransmission", retransmission);
        out.number("window", window);
    }
    void phrase(auto& out) const
    {
        out.say("{} questions sent, {} answered, {} lost, asked again after {} ms, {} at a time",
                sent, answered, lost, retransmission.count(), window);
    }
};

/// None of its servers answers anything.
struct resolver_unavailable {
    static constexpr description about{"resolver_unavailable", level::warning};

    std::string_view resolver;
    std::string_view reason;
    resolver_traffic traffic{};

    void fields(auto& out) const
    {
        out.own_text("resolver", resolver);
        out.own_text("reason", reason);
        traffic.fields(out);
    }
    void phrase(auto& out) const
    {
        out.say("resolver ");
        out.own(resolver);
        out.say(" unavailable: ");
        out.own(reason);
        out.say(" (");
        traffic.phrase(out);
        out.say("); clients count as not listed until it answers: check the configured resolvers");
    }
};

struct resolver_available {
    static constexpr description about{"resolver_available"};

    std::string_view resolver;
    seconds after{0};

    void fields(auto& out) const
    {
        out.own_text("resolver", resolver);
        out.number("after_seconds", after.count());
    }
    void phrase(auto& out) const
    {
        out.say("resolver ");
        out.own(resolver);
        out.say(" answers again after {} s", after.count());
    }
};

/// It answers, but much is lost and has to be asked again.
struct resolver_losing {
    static constexpr description about{"resolver_losing", level::warning};

    std::string_view resolver;
    resolver_traffic traffic{};

    void fields(auto& out) const
    {
        out.own_text("resolver", resolver);
        traffic.fields(out);
    }
    void phrase(auto& out) const
    {
        out.say("resolver ");
        out.own(resolver);
        out.say(" loses much: ");
        traffic.phrase(out);
        out.say("; clients wait longer: look at its load, its receive buffer and the way to it");
    }
};

struct resolver_steady {
    static constexpr description about{"resolver_steady"};

    std::string_view resolver;
    seconds after{0};
    resolver_traffic traffic{};

    void fields(auto& out) const
    {
        out.own_text("resolver", resolver);
        out.number("after_seconds", after.count());
        traffic.fields(out);
    }
    void phrase(auto& out) const
    {
        out.say("resolver ");
        out.own(resolver);
        out.say(" loses little again after {} s: ", after.count());
        traffic.phrase(out);
    }
};

using dns_events =
    family<dnsbl_listed, dnsbl_answer_ignored, dnsbl_failed, list_suspended, list_restored,
           resolver_distrusted, resolver_restored, resolver_unavailable, resolver_available,
           resolver_losing, resolver_steady>;

} // namespace fendmail::event

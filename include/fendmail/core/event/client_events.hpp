// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/event/base.hpp"
#include "fendmail/core/screen/connect.hpp"
#include "fendmail/core/screen/policy.hpp"
#include "fendmail/core/smtp/early_speech.hpp"
#include "fendmail/core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

/// What happens to one client from accept until it is decided what becomes of it.
namespace fendmail::event {

struct connected : of_client {
    static constexpr description about{"connected"};

    endpoint local;

    void fields(auto& out) const
    {
        of_client::fields(out);
        out.where("local", "local_port", local);
    }
    void phrase(auto& out) const
    {
        out.say("CONNECT from ");
        out.say(to_text(client));
        out.say(" to ");
        out.say(to_text(local));
    }
};

/// The access list says permit.
struct allowlisted : of_client {
    static constexpr description about{"allowlisted"};

    std::string_view rule;

    void fields(auto& out) const
    {
        of_client::fields(out);
        out.own_text("rule", rule);
    }
    void phrase(auto& out) const { out.say("{}LISTED {}", out.allow(), to_text(client)); }
};

/// The access list says reject.
struct denylisted : of_client {
    static constexpr description about{"denylisted"};

    std::string_view rule;

    void fields(auto& out) const
    {
        of_client::fields(out);
        out.own_text("rule", rule);
    }
    void phrase(auto& out) const
    {
        out.say("{}LISTED {}", out.deny(), to_text(client));
        if (rule.empty()) return;
        out.say(" by ");
        out.own(rule);
    }
};

/// No rule matches, and the SPF record of this domain names the client.
struct known_sender : of_client {
    static constexpr description about{"known_sender"};

    std::string_view domain;
    screen::exemption skip = screen::exemption::all;

    void fields(auto& out) const
    {
        of_client::fields(out);
        out.own_text("domain", domain);
        out.word("skip", to_string(skip));
    }
    void phrase(auto& out) const
    {
        out.say("KNOWN SENDER {} ", to_text(client));
        out.own(domain);
    }
};

/// No rule matches and it is no known sender, and the client is a host that took mail of ours.
struct known_recipient : of_client {
    static constexpr description about{"known_recipient"};

    std::string_view host; ///< its name when it did
    screen::exemption skip = screen::exemption::deep;

    void fields(auto& out) const
    {
        of_client::fields(out);
        out.own_text("host", host);
        out.word("skip", to_string(skip));
    }
    void phrase(auto& out) const
    {
        out.say("KNOWN RECIPIENT {} ", to_text(client));
        out.own(host);
    }
};

/// The client is new, and the address it connected to does not let it earn a pass.
struct vetoed : of_client {
    static constexpr description about{"vetoed"};

    endpoint local;

    void fields(auto& out) const
    {
        of_client::fields(out);
        out.where("local", "local_port", local);
    }
    void phrase(auto& out) const { out.say("{}LIST VETO {}", out.allow(), to_text(client)); }
};

using screen::connect_refusal;

[[nodiscard]] constexpr std::string_view phrase_of(connect_refusal why) noexcept
{
    switch (why) {
    case connect_refusal::too_many_connections: return "too many connections";
    case connect_refusal::all_screening_ports_busy: return "all screening ports busy";
    case connect_refusal::all_server_ports_busy: return "all server ports busy";
    case connect_refusal::network_asked_too_much: return "too many new clients from its network";
    }
    return "unknown reason";
}

struct connect_refused : of_client {
    static constexpr description about{"connect_refused"};

    connect_refusal why = connect_refusal::too_many_connections;

    void fields(auto& out) const
    {
        of_client::fields(out);
        out.word("why", to_string(why));
    }
    void phrase(auto& out) const
    {
        out.say("NOQUEUE: reject: CONNECT from {}: {}", to_text(client), phrase_of(why));
    }
};

struct passed : of_client {
    static constexpr description about{"passed"};

    bool is_new = false;

    void fields(auto& out) const
    {
        of_client::fields(out);
        out.flag("is_new", is_new);
    }
    void phrase(auto& out) const
    {
        out.say(is_new ? "PASS NEW " : "PASS OLD ");
        out.say(to_text(client));
    }
};

struct pregreeted : of_client {
    static constexpr description about{"pregreeted"};

    std::size_t octets = 0; ///< how many were there, at most limits::pregreet_octets
    milliseconds after{0};
    std::string_view text;
    screen::action action = screen::action::enforce; ///< what came of it
    smtp::speech spoke = smtp::speech::unknown;

    void fields(auto& out) const
    {
        of_client::fields(out);
        out.number("octets", octets);
        out.duration("after_seconds", after);
        out.client_text("text", text);
        out.word("action", to_string(action));
        out.word("spoke", to_string(spoke));
    }
    void phrase(auto& out) const
    {
        out.say("PREGREET {} after ", octets);
        out.delay(after);
        out.say(" from {}: ", to_text(client));
        out.client_text(text);
    }
};

/// The score reached the threshold.
struct dnsbl_scored : of_client {
    static constexpr description about{"dnsbl_scored"};

    int score = 0;
    std::string_view reply_name;
    screen::action action = screen::action::enforce; ///< what comes of it

    void fields(auto& out) const
    {
        of_client::fields(out);
        out.number("score", score);
        out.own_text("reply_name", reply_name);
        out.word("action", to_string(action));
    }
    void phrase(auto& out) const { out.say("DNSBL rank {} for {}", score, to_text(client)); }
};

/// A name of the client adds to its score.
struct client_name_counted : of_client {
    static constexpr description about{"client_name_counted"};

    std::string_view signal; ///< "no_ptr", "unconfirmed_ptr", "own_helo"
    int weight = 0;
    std::string_view text; ///< the name: of its address, or from HELO; "" when there is none

    void fields(auto& out) const
    {
        of_client::fields(out);
        out.word("signal", signal);
        out.number("weight", weight);
        out.client_text("text", text);
    }
    void phrase(auto& out) const
    {
        out.say("CLIENT NAME {} weight {} for {}", signal, weight, to_text(client));
        if (text.empty()) return;
        out.say(": ");
        out.client_text(text);
    }
};

using client_events =
    family<connected, allowlisted, denylisted, known_sender, known_recipient, vetoed,
           connect_refused, passed, pregreeted, dnsbl_scored, client_name_counted>;

} // namespace fendmail::event

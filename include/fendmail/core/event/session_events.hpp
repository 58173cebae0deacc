// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/event/base.hpp"
#include "fendmail/core/screen/verdict.hpp"
#include "fendmail/core/time.hpp"

#include <cstdint>
#include <string_view>

/// How a session ends.
namespace fendmail::event {

enum class phase : std::uint8_t {
    connect,  ///< accepted, nothing decided
    early,    ///< before the final 220: greet wait, DNSBL
    dialog,   ///< our own SMTP side
    hand_off, ///< connecting the backend or in transit to it
    relay,    ///< between client and backend
};

[[nodiscard]] constexpr std::string_view to_string(phase p) noexcept
{
    switch (p) {
    case phase::connect: return "connect";
    case phase::early: return "early";
    case phase::dialog: return "dialog";
    case phase::hand_off: return "hand_off";
    case phase::relay: return "relay";
    }
    return "unknown phase";
}

[[nodiscard]] constexpr std::string_view phrase_of(phase p) noexcept
{
    switch (p) {
    case phase::connect:
    case phase::early: return "in tests before SMTP handshake";
    case phase::dialog: return "in tests after SMTP handshake";
    case phase::hand_off: return "while handing off";
    case phase::relay: return "in relay";
    }
    return "in an unknown phase";
}

struct hung_up : of_client {
    static constexpr description about{"hung_up"};

    milliseconds after{0};
    event::phase phase = phase::early;

    void fields(auto& out) const
    {
        of_client::fields(out);
        out.duration("after_seconds", after);
        out.word("phase", to_string(phase));
    }
    void phrase(auto& out) const
    {
        out.say("HANGUP after ");
        out.delay(after);
        out.say(" from {} {}", to_text(client), phrase_of(phase));
    }
};

struct disconnected : of_client {
    static constexpr description about{"disconnected"};

    void fields(auto& out) const { of_client::fields(out); }
    void phrase(auto& out) const { out.say("DISCONNECT {}", to_text(client)); }
};

enum class ended_by : std::uint8_t { client, fendmail, backend };

[[nodiscard]] constexpr std::string_view to_string(ended_by e) noexcept
{
    switch (e) {
    case ended_by::client: return "client";
    case ended_by::fendmail: return "fendmail";
    case ended_by::backend: return "backend";
    }
    return "unknown end";
}

using screen::verdict;

/// The last event of every session.
struct session_ended : of_client {
    static constexpr description about{"session_ended"};

    endpoint local;
    event::verdict verdict = verdict::left;
    event::ended_by ended_by = ended_by::client;
    event::phase phase = phase::connect; ///< in which it ended
    std::string_view reasons; ///< comma separated: "pregreet", "dnsbl", "access_list", …; "" none
    int dnsbl_score = 0;
    bool dnsbl_complete = true;
    /// The lists that made the score, each with the answers that counted and their weight:
    /// "zen.example:127.0.0.2*3,swl.example:127.0.0.4*-2"; the names are those for replies.
    std::string_view dnsbl_lists;
    std::string_view dnsbl_skipped{}; ///< why lists were not asked: "private_address"; "" they were
    std::string_view reply;           ///< the refusal, "" for none
    std::string_view helo;
    milliseconds screening{0};    ///< accept to verdict
    unsigned dnsbl_retries = 0;   ///< questions to lists that had to be asked again
    milliseconds late_wait{0};    ///< of it, what lists took beyond the greet wait
    milliseconds hand_off{0};     ///< verdict to backend greeting or fd taken; 0 = none
    milliseconds total{0};        ///< accept to end
    std::uint64_t octets_in = 0;  ///< relayed, client to backend
    std::uint64_t octets_out = 0; ///< relayed, backend to client
    std::string_view backend;     ///< that was to take the client; "" when it did not get so far

    /// The word for `ended_by`. Of a socket that was passed on: the session goes on in the backend.
    [[nodiscard]] std::string_view end() const noexcept
    {
        if (phase == phase::hand_off && ended_by == ended_by::backend) return "handed_over";
        return to_string(ended_by);
    }
    void fields(auto& out) const
    {
        of_client::fields(out);
        out.where("local", "local_port", local);
        out.word("verdict", to_string(verdict));
        out.word("ended_by", end());
        out.word("phase", to_string(phase));
        out.own_text("reasons", reasons);
        out.number("dnsbl_score", dnsbl_score);
        out.flag("dnsbl_complete", dnsbl_complete);
        out.own_text("dnsbl_lists", dnsbl_lists);
        out.own_text("dnsbl_skipped", dnsbl_skipped);
        out.own_text("reply", reply);
        out.client_text("helo", helo);
        out.duration("screening_seconds", screening);
        out.number("dnsbl_retries", dnsbl_retries);
        out.duration("late_wait_seconds", late_wait);
        out.duration("hand_off_seconds", hand_off);
        out.duration("total_seconds", total);
        out.number("octets_in", octets_in);
        out.number("octets_out", octets_out);
        out.own_text("backend", backend);
    }
    void phrase(auto& out) const
    {
        out.say("SUMMARY ");
        out.say(to_text(client));
        out.pair("session", session);
        out.pair("verdict", to_string(verdict));
        out.pair("phase", to_string(phase));
        out.pair("ended_by", end());
        out.own_pair("reasons", reasons);
        if (dnsbl_score != 0) out.pair("dnsbl", dnsbl_score);
        out.own_pair("lists", dnsbl_lists);
        if (!dnsbl_complete) out.pair("dnsbl_complete", "false");
        out.own_pair("dnsbl_skipped", dnsbl_skipped);
        if (dnsbl_retries != 0) out.pair("dnsbl_retries", dnsbl_retries);
        out.quoted_pair("reply", reply);
        out.client_pair("helo", helo);
        out.pair("screening", screening);
        if (late_wait.count() != 0) out.pair("late_wait", late_wait);
        if (hand_off.count() != 0) out.pair("hand_off", hand_off);
        out.pair("total", total);
        if (octets_in != 0) out.pair("in", octets_in);
        if (octets_out != 0) out.pair("out", octets_out);
        out.own_pair("backend", backend);
    }
};

using session_events = family<hung_up, disconnected, session_ended>;

} // namespace fendmail::event

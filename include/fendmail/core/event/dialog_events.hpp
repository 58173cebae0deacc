// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/event/base.hpp"
#include "fendmail/core/screen/test.hpp"

#include <cstdint>
#include <string_view>

/// What happens to one client in a dialog: our own, its TLS, or a relayed one.
namespace fendmail::event {

/// A deep test failed.
struct protocol_fault : of_client {
    static constexpr description about{"protocol_fault"};

    screen::test test = screen::test::pipelining;
    std::string_view after; ///< the verb before the fault; "" for a bare newline
    std::string_view text;  ///< what the client sent
    screen::action action = screen::action::enforce; ///< what comes of it

    void fields(auto& out) const
    {
        of_client::fields(out);
        out.word("test", to_string(test));
        out.own_text("after", after);
        out.client_text("text", text);
        out.word("action", to_string(action));
    }
    void phrase(auto& out) const
    {
        out.say("{}", row_of(test).log_words);
        out.say(" from {} after ", to_text(client));
        if (test != screen::test::bare_newline) {
            out.own(after);
            out.say(": ");
        }
        out.client_text(text);
    }
};

/// A refused client named a recipient that all may reach, and the backend answered.
struct open_recipient : of_client {
    static constexpr description about{"open_recipient"};

    std::string_view reply; ///< of the backend
    std::string_view from;
    std::string_view to;
    std::string_view helo;

    void fields(auto& out) const
    {
        of_client::fields(out);
        out.own_text("reply", reply);
        out.client_text("from", from);
        out.client_text("to", to);
        out.client_text("helo", helo);
    }
    void phrase(auto& out) const
    {
        out.say("OPEN RECIPIENT from {}: ", to_text(client));
        out.own(reply);
        out.say("; from=<");
        out.bracketed(from);
        out.say(">, to=<");
        out.bracketed(to);
        out.say(">, helo=<");
        out.bracketed(helo);
        out.say(">");
    }
};

struct recipient_refused : of_client {
    static constexpr description about{"recipient_refused"};

    std::string_view reply; ///< code, enhanced code, text; without footer
    std::string_view from;
    std::string_view to;
    std::string_view helo;
    bool esmtp = false;

    void fields(auto& out) const
    {
        of_client::fields(out);
        out.own_text("reply", reply);
        out.client_text("from", from);
        out.client_text("to", to);
        out.client_text("helo", helo);
        out.flag("esmtp", esmtp);
    }
    void phrase(auto& out) const
    {
        out.say("NOQUEUE: reject: RCPT from {}: ", to_text(client));
        out.own(reply);
        out.say("; from=<");
        out.bracketed(from);
        out.say(">, to=<");
        out.bracketed(to);
        out.say(">, proto={}, helo=<", esmtp ? "ESMTP" : "SMTP");
        out.bracketed(helo);
        out.say(">");
    }
};

struct mail_without_recipient : of_client {
    static constexpr description about{"mail_without_recipient"};

    std::string_view verb;

    void fields(auto& out) const
    {
        of_client::fields(out);
        out.client_text("verb", verb);
    }
    void phrase(auto& out) const
    {
        out.client_text(verb);
        out.say(" without valid RCPT from {}", to_text(client));
    }
};

enum class command_limit : std::uint8_t { count, length, time };

[[nodiscard]] constexpr std::string_view to_string(command_limit c) noexcept
{
    switch (c) {
    case command_limit::count: return "count";
    case command_limit::length: return "length";
    case command_limit::time: return "time";
    }
    return "unknown limit";
}

[[nodiscard]] constexpr std::string_view phrase_of(command_limit which) noexcept
{
    switch (which) {
    case command_limit::count: return "COUNT";
    case command_limit::length: return "LENGTH";
    case command_limit::time: return "TIME";
    }
    return "UNKNOWN";
}

struct command_limit_exceeded : of_client {
    static constexpr description about{"command_limit_exceeded"};

    command_limit which = command_limit::count;
    std::string_view after;

    void fields(auto& out) const
    {
        of_client::fields(out);
        out.word("which", to_string(which));
        out.client_text("after", after);
    }
    void phrase(auto& out) const
    {
        out.say("COMMAND {} LIMIT from {} after ", phrase_of(which), to_text(client));
        out.client_text(after);
    }
};

/// Plain text came behind STARTTLS; the session ended.
struct plaintext_injected : of_client {
    static constexpr description about{"plaintext_injected"};

    std::string_view text;

    void fields(auto& out) const
    {
        of_client::fields(out);
        out.client_text("text", text);
    }
    void phrase(auto& out) const
    {
        out.say("PLAINTEXT AFTER STARTTLS from {}: ", to_text(client));
        out.client_text(text);
    }
};

/// What client or backend sent in a relayed session is not forwarded, and the session ended: see
/// smtp::data_guard.
struct relay_stopped : of_client {
    static constexpr description about{"relay_stopped"};

    std::string_view fault; ///< "bare_lf"
    std::string_view place; ///< "command", "message" or "reply"
    std::uint64_t offset = 0;

    void fields(auto& out) const
    {
        of_client::fields(out);
        out.word("fault", fault);
        out.word("place", place);
        out.number("offset", offset);
    }
    void phrase(auto& out) const
    {
        out.say("RELAY STOPPED for {}: {} in {} at octet {}", to_text(client), fault, place,
                offset);
    }
};

struct tls_started : of_client {
    static constexpr description about{"tls_started", level::info, "tlsproxy"};

    std::string_view summary; ///< "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256 bits)"

    void fields(auto& out) const
    {
        of_client::fields(out);
        out.own_text("summary", summary);
    }
    void phrase(auto& out) const
    {
        // Postfix says so of a client without a certificate, and we ask for none.
        out.say("Anonymous TLS connection established from {}: ", to_text(client));
        out.own(summary);
    }
};

/// The handshake, or a record behind it, failed; or it took too long. The session ended.
struct tls_failed : of_client {
    static constexpr description about{"tls_failed"};

    std::string_view reason;

    void fields(auto& out) const
    {
        of_client::fields(out);
        out.own_text("reason", reason);
    }
    void phrase(auto& out) const
    {
        out.say("TLS failed for {}: ", to_text(client));
        out.own(reason);
    }
};

using dialog_events =
    family<protocol_fault, open_recipient, recipient_refused, mail_without_recipient,
           command_limit_exceeded, plaintext_injected, relay_stopped, tls_started, tls_failed>;

} // namespace fendmail::event

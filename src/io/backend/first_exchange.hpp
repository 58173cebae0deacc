// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/smtp/data_guard.hpp"
#include "fendmail/core/smtp/keyword_filter.hpp"
#include "fendmail/core/smtp/reply.hpp"
#include "fendmail/io/backend/relay_session.hpp"
#include "fendmail/io/net/deadline_queue.hpp"
#include "fendmail/io/net/stream.hpp"

#include <span>
#include <string>
#include <string_view>

/// Between the greeting of a backend that was told the client by a PROXY header, and the
/// relay: the client's first command goes there alone, and nothing more until its reply is here.
///
/// A backend that does not expect the header takes it for a command and answers it, before or
/// behind its greeting or much later, but never after the reply to what was sent behind it. So as
/// long as that reply has not come and been counted, the session may be one of our own address,
/// which may relay: no MAIL, RCPT or DATA may get there. A positive reply, and nothing behind it,
/// settles it (none answers a header positively). A refusal may be the header's: then QUIT is sent
/// and the replies are counted. That ends the connection, so a client that is refused goes on with
/// a new one.
///
/// What is proof and what is none: see smtp::identity. No client can bring about what is proof.
///
/// Units: octets.
/// Memory: two buffers of 4 KiB while it runs, one command of the client and one reply.
/// Errors: everything that is not as expected ends the session: the result says how.
/// Threads: one worker.
namespace fendmail::io {

struct first_exchange_options {
    milliseconds idle_limit{600000};
    bool is_guarded = false;                  ///< what is moved goes through a smtp::data_guard
    std::span<const std::string> hide_ehlo{}; ///< as in relay()
};

enum class exchange_end : std::uint8_t {
    settled, ///< relay, beginning with held()
    refused, ///< the client was told so; it goes on, but the backend's connection is spent
    over,    ///< the result says all
};

class first_exchange {
public:
    /// @param result of the session: counts and its end
    first_exchange(stream& client, deadline_queue& deadlines, const first_exchange_options& options,
                   relay_outcome& result);

    /// Moves one command and its reply.
    /// @param server has greeted
    awaitable<exchange_end> run(stream& server);
    /// No other connection can be had.
    exchange_end give_up(std::string reason, smtp::identity about);
    /// The client has been refused too often.
    exchange_end dismiss();

    /// Octets of the client that have not been sent.
    [[nodiscard]] std::string_view held() const noexcept { return held_; }
    /// In the middle of the session.
    [[nodiscard]] const smtp::data_guard& guard() const noexcept { return guard_; }

private:
    enum class next : std::uint8_t { line, client_ended, server_spoke, idle, too_long, cut };

    awaitable<next> wait_for_line(stream& server);
    [[nodiscard]] next look(stream& server);
    awaitable<exchange_end> on_unasked(stream& server);
    awaitable<exchange_end> send(stream& server, std::string line);
    awaitable<exchange_end> hear(stream& server, const std::string& line);
    awaitable<exchange_end> on_reply(stream& server, const std::string& line,
                                     std::string_view behind);
    awaitable<bool> tell_client(std::string_view octets);
    exchange_end end(event::ended_by who);
    exchange_end fault();

    stream& client_;
    deadline_queue& deadlines_;
    first_exchange_options options_;
    relay_outcome& result_;
    smtp::data_guard guard_;
    smtp::keyword_filter filter_;
    smtp::reply_reader reader_;
    std::string held_;
    tick greeted_{};
};

} // namespace fendmail::io

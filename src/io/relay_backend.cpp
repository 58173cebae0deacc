// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/relay_backend.hpp"

#include "fendmail/core/proxy/proxy_header.hpp"
#include "fendmail/core/smtp/handoff_dialog.hpp"
#include "fendmail/io/clock.hpp"
#include "fendmail/io/guarded_relay.hpp"
#include "fendmail/io/relay.hpp"
#include "fendmail/io/tcp_connect.hpp"
#include "fendmail/io/unix_connect.hpp"
#include "first_exchange.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fmt/format.h>
#include <system_error>

namespace fendmail::io {

namespace {

constexpr milliseconds shortest_try{1000};

bool has_header(introduction how) noexcept
{
    return how == introduction::proxy_v1 || how == introduction::proxy_v2;
}

std::string introduce_by_header(introduction how, const hand_off_request& request)
{
    switch (how) {
    case introduction::proxy_v1:
        return proxy::write_v1(request.client_address, request.local_address);
    case introduction::proxy_v2:
        return proxy::write_v2(request.client_address, request.local_address);
    case introduction::none:
    case introduction::xclient: break;
    }
    return {};
}

smtp::handoff_dialog make_dialog(introduction how, const std::string& hostname,
                                 const hand_off_request& request)
{
    const auto kind = how == introduction::xclient ? smtp::handoff_kind::xclient
                      : has_header(how)            ? smtp::handoff_kind::proxy
                                                   : smtp::handoff_kind::greeting_only;
    return {kind, hostname, request.client_address, request.local_address};
}

} // namespace

awaitable<std::string> relay_backend::connect(stream& into, hand_off_request& request,
                                              deadline& limit) const
{
    if (!options_.unix_path.empty()) {
        unique_fd connected;
        const int error_number =
            co_await connect_unix(options_.unix_path, request.client, request.deadlines,
                                  options_.connect_timeout, connected);
        if (error_number == EAGAIN) co_return "its queue of connections is full";
        if (error_number != 0) co_return std::generic_category().message(error_number);
        into.adopt(std::move(connected));
        co_return std::string{};
    }
    co_return co_await connect_any(into, limit);
}

/// Tries its addresses in turn, all together within the time for a connection (and each for a
/// second at least). The reason is that of the last one.
awaitable<std::string> relay_backend::connect_any(stream& into, deadline& limit) const
{
    const auto all = options_.tcp->in_turn();
    if (all.empty()) co_return "its name has not been found yet";
    const auto count = static_cast<milliseconds::rep>(all.size());
    const auto each = std::max(options_.connect_timeout / count,
                               std::min(options_.connect_timeout, shortest_try));
    std::string why;
    for (const auto& where : all) {
        limit.set_after(each);
        const int error_number = co_await connect_tcp(where, has_header(options_.how), into, limit);
        const bool is_late = limit.has_passed();
        if (error_number == 0 && !is_late) {
            if (count > 1) options_.tcp->note_answer(where);
            co_return std::string{};
        }
        if (error_number == ECANCELED && !is_late) // somebody has ended the session
            co_return std::generic_category().message(error_number);
        why = is_late ? fmt::format("no connection within {} ms", each.count())
                      : std::generic_category().message(error_number);
        if (count > 1) why = fmt::format("{}: {}", to_text(where), why);
    }
    co_return why;
}

awaitable<greeted> relay_backend::introduce(stream& server, hand_off_request& request,
                                            deadline& limit) const
{
    limit.set_after(options_.greeting_timeout);
    // One write, so that the header arrives in one piece: Postfix looks at the socket once.
    const auto header = introduce_by_header(options_.how, request);
    if (!header.empty() && co_await server.write(header, &limit) != wait_end::ready)
        co_return greeted{{}, "it closed the connection at the PROXY header", {}, {}};

    auto dialog = make_dialog(options_.how, options_.hostname, request);
    co_return co_await read_greeting(server, dialog, limit);
}

awaitable<resume_result> relay_backend::resume(hand_off_request& request,
                                               const resume_options& what, stream& server)
{
    deadline limit{request.deadlines, server};
    resume_result result;
    result.reason = co_await connect(server, request, limit);
    if (!result.reason.empty()) co_return result;
    auto first_words = co_await introduce(server, request, limit);
    result.reason = std::move(first_words.failure);
    result.refusal = std::move(first_words.refusal);
    result.about = first_words.about;
    if (!result.reason.empty()) co_return result;
    limit.set_after(options_.greeting_timeout);
    co_return co_await replay_to(server, what, limit, has_header(options_.how));
}

awaitable<proof> relay_backend::prove(hand_off_request& request, const std::string& hostname,
                                      stream& server)
{
    resume_options hello;
    hello.hostname = hostname;
    hello.replay.helo = "EHLO " + hostname;
    const auto seen = co_await resume(request, hello, server);
    proof found{proof_end::undecided, seen.reason, seen.offered};
    deadline limit{request.deadlines, server};
    if (seen.about == smtp::identity::mistaken) {
        found.end = proof_end::mistaken;
    } else if (seen.end == resume_end::ready) {
        found.end = proof_end::taken;
        // With the good-bye the last reply is here: none may be one too many.
        if (co_await has_one_reply_too_many(server, limit) && has_header(options_.how))
            found = {proof_end::mistaken,
                     "it says one reply too many, as if the PROXY header were a command"};
    } else if (seen.end == resume_end::refused) {
        // Its replies were counted: who has no more to say than it was asked has taken the header,
        // even if it does not like the address that was in it.
        found.end = proof_end::taken;
    } else if (seen.about == smtp::identity::unclear) {
        found.end = proof_end::mistaken; // none refuses everybody by not understanding EHLO
    } else if (seen.refusal) {
        found.end = proof_end::refused;
    }
    co_return found;
}

awaitable<hand_off_result> relay_backend::hand_off(hand_off_request& request)
{
    const tick begun = steady_now();
    hand_off_result result;
    stream server{request.client.get_executor()};
    const stream_group::membership member{request.streams, server};
    deadline limit{request.deadlines, server};

    result.reason = co_await connect(server, request, limit);
    if (!result.reason.empty()) co_return result;

    auto first_words = co_await introduce(server, request, limit);
    limit.clear();
    result.reason = std::move(first_words.failure);
    result.refusal = std::move(first_words.refusal);
    result.about = first_words.about;
    if (!result.reason.empty()) co_return result;
    result.until_ready = std::chrono::duration_cast<milliseconds>(steady_now() - begun);

    deadline client_limit{request.deadlines, request.client};
    client_limit.set_after(options_.greeting_timeout);
    result.end = hand_off_end::relayed;
    if (co_await request.client.write(first_words.greeting, &client_limit) != wait_end::ready) {
        result.ended_by = event::ended_by::client;
        co_return result;
    }
    client_limit.clear();
    result.octets_out = first_words.greeting.size();
    request.client.delay_acks();
    first_exchange first{request.client,
                         request.deadlines,
                         {options_.idle_timeout, options_.is_guarded, request.hide_ehlo},
                         result};
    if (has_header(options_.how) && !co_await settle(first, request, server, limit))
        co_return result;
    result.is_taken = options_.how != introduction::none;
    co_await relay_on(first, request, server, result);
    co_return result;
}

/// @return false when the session is over
awaitable<bool> relay_backend::settle(first_exchange& first, hand_off_request& request,
                                      stream& server, deadline& limit) const
{
    constexpr int refusals_max = 3;
    for (int refusals = 0;; ++refusals) {
        switch (co_await first.run(server)) {
        case first_end::settled: co_return true;
        case first_end::over: co_return false;
        case first_end::refused: break;
        }
        if (refusals == refusals_max) {
            first.dismiss();
            co_return false;
        }
        auto failure = co_await connect(server, request, limit);
        auto about = smtp::identity::unclear;
        if (failure.empty()) {
            auto again = co_await introduce(server, request, limit);
            failure = std::move(again.failure);
            about = again.about;
        }
        limit.clear();
        if (!failure.empty()) {
            first.give_up(std::move(failure), about);
            co_return false;
        }
    }
}

awaitable<void> relay_backend::relay_on(first_exchange& first, hand_off_request& request,
                                        stream& server, hand_off_result& result) const
{
    relay_result done;
    if (options_.is_guarded) {
        const guarded_relay_options options{.idle_limit = options_.idle_timeout,
                                            .begun = &first.guard(),
                                            .held = first.held(),
                                            .hide_ehlo = request.hide_ehlo};
        auto guarded = co_await guarded_relay(request.client, server, request.deadlines, options);
        done = guarded.moved;
        result.fault = guarded.fault;
        result.had_false_end = guarded.had_false_end;
        result.last_words = std::move(guarded.last_words);
    } else {
        deadline limit{request.deadlines, server};
        limit.set_after(options_.idle_timeout);
        if (co_await server.write(first.held(), &limit) != wait_end::ready) {
            result.ended_by = event::ended_by::backend;
            co_return;
        }
        limit.clear();
        result.octets_in += first.held().size();
        done = co_await relay(request.client, server, request.deadlines, options_.idle_timeout,
                              request.hide_ehlo);
    }
    result.ended_by = done.ended_by;
    result.idle = done.idle;
    result.client_ended = done.client_ended;
    result.octets_in += done.octets_in;
    result.octets_out += done.octets_out;
}

} // namespace fendmail::io

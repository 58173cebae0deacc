// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/relay_backend.hpp"

#include "fendmail/core/proxy/proxy_header.hpp"
#include "fendmail/core/smtp/handoff_dialog.hpp"
#include "fendmail/io/clock.hpp"
#include "fendmail/io/guarded_relay.hpp"
#include "fendmail/io/relay.hpp"
#include "fendmail/io/tcp_connect.hpp"
#include "fendmail/io/unix_connect.hpp"

#include <array>
#include <cerrno>
#include <fmt/format.h>
#include <system_error>

namespace fendmail::io {

namespace {

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
    limit.set_after(options_.connect_timeout);
    const int error_number =
        co_await connect_tcp(options_.tcp, has_header(options_.how), into, limit);
    if (limit.has_passed())
        co_return fmt::format("no connection within {} ms", options_.connect_timeout.count());
    co_return error_number == 0 ? std::string{} : std::generic_category().message(error_number);
}

awaitable<greeted> relay_backend::introduce(stream& server, hand_off_request& request,
                                            deadline& limit) const
{
    limit.set_after(options_.greeting_timeout);
    // One write, so that the header arrives in one piece: Postfix looks at the socket once.
    const auto header = introduce_by_header(options_.how, request);
    if (!header.empty() && co_await server.write(header, &limit) != wait_end::ready)
        co_return greeted{{}, "it closed the connection at the PROXY header", {}};

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
    if (!result.reason.empty()) co_return result;
    limit.set_after(options_.greeting_timeout);
    co_return co_await replay_to(server, what, limit);
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
    request.client.delay_acks();
    relay_result done;
    if (options_.is_guarded) {
        auto guarded = co_await guarded_relay(
            request.client, server, request.deadlines,
            {.idle_limit = options_.idle_timeout, .hide_ehlo = request.hide_ehlo});
        done = guarded.moved;
        result.fault = guarded.fault;
        result.last_words = std::move(guarded.last_words);
    } else {
        done = co_await relay(request.client, server, request.deadlines, options_.idle_timeout,
                              request.hide_ehlo);
    }
    result.ended_by = done.ended_by;
    result.idle = done.idle;
    result.client_ended = done.client_ended;
    result.octets_in = done.octets_in;
    result.octets_out = done.octets_out + first_words.greeting.size();
    co_return result;
}

} // namespace fendmail::io

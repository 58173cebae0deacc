// SPDX-License-Identifier: Apache-2.0
#include "dialing_connector.hpp"

#include "fendmail/io/net/tcp_connect.hpp"
#include "fendmail/io/net/unix_connect.hpp"
#include "fendmail/io/os/clock.hpp"
#include "fendmail/io/os/unique_fd.hpp"
#include "greeting.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fmt/format.h>
#include <system_error>
#include <utility>

namespace fendmail::io {

namespace {

constexpr milliseconds shortest_try{1000};

} // namespace

connector_traits traits_of(const connector_options& options)
{
    connector_traits traits;
    traits.name = options.name;
    traits.greeting_limit = options.greeting_timeout;
    traits.idle_limit = options.idle_timeout;
    return traits;
}

dialing_connector::dialing_connector(const connector_options& options, smtp::handoff_kind kind,
                                     connector_traits traits)
    : connector{std::move(traits)}
    , options_{options}
    , kind_{kind}
{
}

std::string dialing_connector::header(const open_request&) const
{
    return {};
}

awaitable<opened> dialing_connector::open(const open_request& request, stream& server)
{
    const tick begun = steady_now();
    deadline limit{request.deadlines, server};
    opened result;
    result.reason = co_await connect(request, server, limit);
    if (!result.reason.empty()) {
        server.close();
        co_return result;
    }
    limit.set_after(options_.greeting_timeout);
    // One write, so that the header arrives in one piece: Postfix looks at the socket once.
    const auto first = header(request);
    if (!first.empty() && co_await server.write(first, &limit) != wait_end::ready) {
        result.reason = "it closed the connection at the PROXY header";
        server.close();
        co_return result;
    }
    smtp::handoff_dialog dialog{kind_, options_.hostname, request.client, request.local};
    result = co_await read_greeting(server, dialog, limit);
    if (result.end == open_end::greeted)
        result.until_ready = std::chrono::duration_cast<milliseconds>(steady_now() - begun);
    else
        server.close();
    result.is_taken =
        result.end == open_end::greeted && traits().tells_client && !traits().sends_header;
    co_return result;
}

awaitable<std::string> dialing_connector::connect(const open_request& request, stream& into,
                                                  deadline& limit) const
{
    if (options_.unix_path.empty()) co_return co_await connect_any(into, limit);
    unique_fd connected;
    const int error_number =
        co_await connect_unix(options_.unix_path, request.connection, request.deadlines,
                              options_.connect_timeout, connected);
    if (error_number == EAGAIN) co_return "its queue of connections is full";
    if (error_number != 0) co_return std::generic_category().message(error_number);
    into.adopt(std::move(connected));
    co_return std::string{};
}

/// Tries its addresses in turn, all together within the time for a connection (and each for a
/// second at least). The reason is that of the last one.
awaitable<std::string> dialing_connector::connect_any(stream& into, deadline& limit) const
{
    const auto all = options_.tcp->in_turn();
    if (all.empty()) co_return "its name has not been found yet";
    const auto count = static_cast<milliseconds::rep>(all.size());
    const auto each = std::max(options_.connect_timeout / count,
                               std::min(options_.connect_timeout, shortest_try));
    std::string why;
    for (const auto& where : all) {
        limit.set_after(each);
        const int error_number = co_await connect_tcp(where, traits().sends_header, into, limit);
        const bool is_late = limit.has_passed();
        if (error_number == 0 && !is_late) {
            if (count > 1) options_.tcp->note_answer(where);
            co_return std::string{};
        }
        if (error_number == ECANCELED && !is_late) // the session was ended
            co_return std::generic_category().message(error_number);
        why = is_late ? fmt::format("no connection within {} ms", each.count())
                      : std::generic_category().message(error_number);
        if (count > 1) why = fmt::format("{}: {}", to_text(where), why);
    }
    co_return why;
}

} // namespace fendmail::io

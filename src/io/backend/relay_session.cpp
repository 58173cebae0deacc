// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/backend/relay_session.hpp"

#include "fendmail/core/assert.hpp"
#include "fendmail/io/backend/guarded_relay.hpp"
#include "first_exchange.hpp"

#include <utility>

namespace fendmail::io {

namespace {

/// @return false when the client is gone
awaitable<bool> greet(stream& client, deadline_queue& deadlines,
                      const relay_session_options& options, relay_outcome& result)
{
    deadline limit{deadlines, client};
    limit.set_after(options.idle_limit);
    if (co_await client.write(options.greeting, &limit) != wait_end::ready) {
        result.moved.ended_by = event::ended_by::client;
        co_return false;
    }
    result.moved.octets_out = options.greeting.size();
    client.delay_acks();
    co_return true;
}

/// @return false when the session is over
awaitable<bool> settle(first_exchange& first, const unproven_header& header, stream& server)
{
    constexpr int refusals_max = 3;
    for (int refusals = 0;; ++refusals) {
        switch (co_await first.run(server)) {
        case exchange_end::settled: co_return true;
        case exchange_end::over: co_return false;
        case exchange_end::refused: break;
        }
        if (refusals == refusals_max) {
            first.dismiss();
            co_return false;
        }
        auto again = co_await header.through.open(header.request, server);
        if (again.end != open_end::greeted) {
            first.give_up(std::move(again.reason), again.about);
            co_return false;
        }
    }
}

void add(relay_outcome& to, const relay_result& moved)
{
    to.moved.octets_in += moved.octets_in;
    to.moved.octets_out += moved.octets_out;
    to.moved.ended_by = moved.ended_by;
    to.moved.idle = moved.idle;
    to.moved.client_ended = moved.client_ended;
}

/// @return false when the backend is gone
awaitable<bool> send_held(stream& server, deadline_queue& deadlines, milliseconds limit_span,
                          std::string_view held, relay_outcome& result)
{
    if (held.empty()) co_return true;
    deadline limit{deadlines, server};
    limit.set_after(limit_span);
    if (co_await server.write(held, &limit) != wait_end::ready) {
        result.moved.ended_by = event::ended_by::backend;
        co_return false;
    }
    result.moved.octets_in += held.size();
    co_return true;
}

} // namespace

awaitable<relay_outcome> relay_session(stream& client, stream& server, deadline_queue& deadlines,
                                       const relay_session_options& options)
{
    FENDMAIL_ASSERT(!options.unproven || options.held.empty());
    relay_outcome result;
    if (!options.greeting.empty() && !co_await greet(client, deadlines, options, result))
        co_return result;

    std::optional<first_exchange> first;
    auto held = options.held;
    if (options.unproven) {
        first.emplace(client, deadlines,
                      first_exchange_options{options.idle_limit, options.guard.has_value(),
                                             options.hide_ehlo},
                      result);
        if (!co_await settle(*first, *options.unproven, server)) co_return result;
        result.is_taken = true;
        held = first->held();
    }
    if (options.guard) {
        guarded_relay_options guarded;
        guarded.idle_limit = options.idle_limit;
        guarded.guard = *options.guard;
        guarded.begun = first ? &first->guard() : nullptr;
        guarded.held = held;
        guarded.hide_ehlo = options.hide_ehlo;
        guarded.watch = options.watch;
        auto done = co_await guarded_relay(client, server, deadlines, guarded);
        add(result, done.moved);
        result.fault = done.fault;
        result.had_false_end = done.had_false_end;
        result.last_words = std::move(done.last_words);
        co_return result;
    }
    if (!co_await send_held(server, deadlines, options.idle_limit, held, result)) co_return result;
    first.reset(); // what it keeps is not needed while octets are copied
    add(result, co_await relay(client, server, deadlines, options.idle_limit, options.hide_ehlo,
                               options.watch));
    co_return result;
}

} // namespace fendmail::io

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/backend/probe.hpp"

#include "fendmail/io/backend/replay.hpp"
#include "surplus_reply.hpp"

#include <utility>

namespace fendmail::io {

namespace {

/// @param seen not greeted
proof proof_without_greeting(opened seen)
{
    proof found;
    found.reason = std::move(seen.reason);
    if (seen.is_taken)
        found.end = proof_end::taken;
    else if (seen.about != smtp::identity::fine)
        found.end = proof_end::mistaken;
    else if (seen.refusal)
        found.end = proof_end::refused;
    return found;
}

/// @param is_taken the greeting has proved it
proof_end end_of(const replay_result& said, bool is_taken)
{
    if (said.about == smtp::identity::mistaken) return proof_end::mistaken;
    switch (said.end) {
    case replay_end::ready:
    // Its replies were counted: a server that has no more to say than it was asked has taken the
    // header, even if it does not like the address that was in it.
    case replay_end::refused: return proof_end::taken;
    case replay_end::failed: break;
    }
    // None refuses every client by not understanding EHLO.
    if (said.about == smtp::identity::unclear) return proof_end::mistaken;
    return is_taken ? proof_end::taken : proof_end::undecided;
}

} // namespace

awaitable<proof> probe_backend(connector& backend, const open_request& request,
                               const std::string& hostname, stream& server)
{
    auto seen = co_await backend.open(request, server);
    if (seen.end != open_end::greeted) co_return proof_without_greeting(std::move(seen));

    const bool has_header = backend.traits().sends_header;
    deadline limit{request.deadlines, server};
    limit.set_after(backend.traits().greeting_limit);
    replay_options hello;
    hello.hostname = hostname;
    hello.replay.helo = "EHLO " + hostname;
    auto said = co_await replay_to(server, hello, limit, has_header);
    proof found{end_of(said, seen.is_taken), std::move(said.reason), std::move(said.offered),
                std::move(seen.greeting), seen.until_ready};
    if (said.end != replay_end::ready) co_return found;
    // With the good-bye the last reply is here: none may be one too many.
    const bool has_surplus = co_await has_one_reply_too_many(server, limit);
    if (has_surplus && has_header) {
        found.end = proof_end::mistaken;
        found.reason = "it says one reply too many, as if the PROXY header were a command";
        found.offered.reset();
    }
    co_return found;
}

awaitable<tls_trial> try_tls(connector& backend, const open_request& request,
                             const std::string& hostname, smtp::backend_tls tls,
                             const tls_context& context, stream& server)
{
    auto seen = co_await backend.open(request, server);
    if (seen.end != open_end::greeted) co_return tls_trial{false, std::move(seen.reason)};
    deadline limit{request.deadlines, server};
    limit.set_after(backend.traits().greeting_limit);
    replay_options hello;
    hello.hostname = hostname;
    hello.replay.helo = "EHLO " + hostname;
    hello.tls = tls;
    hello.tls_context = &context;
    auto said = co_await replay_to(server, hello, limit, backend.traits().sends_header);
    tls_trial found{said.end != replay_end::failed, std::move(said.reason)};
    if (server.is_encrypted()) {
        found.summary = server.tls_summary();
        found.certificate = server.tls_certificate();
    }
    if (found.is_usable) (void)co_await has_one_reply_too_many(server, limit); // a good-bye
    co_return found;
}

} // namespace fendmail::io

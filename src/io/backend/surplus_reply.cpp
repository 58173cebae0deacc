// SPDX-License-Identifier: Apache-2.0
#include "surplus_reply.hpp"

#include "fendmail/core/smtp/identity.hpp"

#include <array>

namespace fendmail::io {

namespace {

/// For the last words of a server that has nothing to do for us any more.
constexpr milliseconds farewell_time{5000};

} // namespace

awaitable<bool> has_one_reply_too_many(stream& server, deadline& limit)
{
    smtp::farewell_count count;
    limit.set_after(farewell_time);
    if (co_await server.write("QUIT\r\n", &limit) != wait_end::ready) co_return false;
    std::array<char, 2048> buffer;
    for (;;) {
        const auto got = co_await server.read_some(asio::buffer(buffer), &limit);
        if (got.end == wait_end::woken && server.is_open()) continue;
        if (got.end != wait_end::ready) break;
        if (!count.feed({buffer.data(), got.octets})) break;
    }
    co_return count.has_one_too_many();
}

} // namespace fendmail::io

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/net/proxy_header.hpp"

#include <array>

namespace fendmail::io {

namespace {

/// Takes what is there of the header, so that the socket is readable again only when more comes.
/// A function of its own: its buffer must not be in the frame of every connection that waits.
wait_end take_what_is_there(stream& from, proxy::header_reader& header) noexcept
{
    std::array<char, 512> octets;
    while (header.progress() == proxy::progress::needs_more) {
        const auto seen = from.peek(asio::buffer(octets));
        if (seen.end != wait_end::ready || seen.octets == 0) return seen.end;
        const auto fed = header.feed({octets.data(), seen.octets});
        if (!from.discard(fed.taken)) return wait_end::failed;
    }
    return wait_end::ready;
}

} // namespace

awaitable<wait_end> read_proxy_header(stream& from, proxy::header_reader& header,
                                      const deadline& limit)
{
    for (;;) {
        const auto end = take_what_is_there(from, header);
        if (end != wait_end::ready || header.progress() != proxy::progress::needs_more)
            co_return end;
        const auto waited = co_await from.wait_readable(&limit);
        if (waited != wait_end::ready) co_return waited;
    }
}

} // namespace fendmail::io

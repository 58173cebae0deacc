// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/session/lingering_close.hpp"

#include <array>
#include <cstddef>

namespace fendmail::app {

namespace asio = boost::asio;
using io::wait_end;

namespace {

constexpr milliseconds time_to_read{2000};
constexpr std::size_t octets_ignored = 65536;
constexpr std::size_t lingering_max = 256;

} // namespace

io::awaitable<void> lingering_close(environment& env, io::stream& to)
{
    auto& lingering = env.sessions.shared().lingering;
    if (lingering.load() >= lingering_max) co_return;
    const counted one{lingering};
    to.shutdown_write();
    io::deadline limit{env.deadlines, to};
    limit.set_after(time_to_read);
    std::array<char, 2048> ignored;
    co_await env.wakes.wait();
    for (std::size_t octets = 0; octets < octets_ignored;) {
        const auto got = co_await to.read_some(asio::buffer(ignored), &limit);
        if (got.end == wait_end::woken && to.is_open()) continue; // an orderly stop
        if (got.end != wait_end::ready) co_return;
        octets += got.octets;
    }
}

io::awaitable<void> say_and_linger(environment& env, io::stream& to, std::string_view words)
{
    io::deadline limit{env.deadlines, to};
    limit.set_after(last_reply_time);
    if (co_await to.write(words, &limit) != wait_end::ready) co_return;
    limit.clear();
    co_await lingering_close(env, to);
}

} // namespace fendmail::app

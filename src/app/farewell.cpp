// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/farewell.hpp"

#include "fendmail/app/worker.hpp"

#include <array>

namespace fendmail::app {

namespace asio = boost::asio;
using io::wait_end;

namespace {

constexpr milliseconds time_to_write{10000};
constexpr milliseconds time_to_read{2000};
constexpr std::size_t octets_ignored = 65536;
constexpr std::size_t lingering_max = 256;

} // namespace

io::awaitable<void> say_farewell(worker& where, io::stream& to, std::string_view words)
{
    io::deadline limit{where.deadlines(), to};
    limit.set_after(time_to_write);
    if (co_await to.write(words, &limit) != wait_end::ready) co_return;

    auto& lingering = where.sessions().shared().lingering;
    if (lingering.load() >= lingering_max) co_return;
    const counted one{lingering};
    to.shutdown_write();
    limit.set_after(time_to_read);
    std::array<char, 2048> ignored;
    for (std::size_t octets = 0; octets < octets_ignored;) {
        const auto got = co_await to.read_some(asio::buffer(ignored), &limit);
        if (got.end != wait_end::ready) co_return;
        octets += got.octets;
    }
}

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#include "stream_query.hpp"

#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/net/socket_address.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace fendmail::io {
namespace {

using stream_socket = asio::basic_stream_socket<asio::generic::stream_protocol, executor>;
using octets = std::vector<std::uint8_t>;

struct exchange {
    exchange(asio::io_context& context, const dns::name_server& to)
        : server{to_socket(to)}
        , socket{context.get_executor()}
        , limit{context.get_executor()}
    {
    }

    std::optional<server_address> server; ///< none: there is no way to it now
    stream_socket socket;
    steady_timer limit;
    octets question;
    octets answer;
};

awaitable<bool> ask(exchange& with)
{
    if (!with.server) co_return false;
    if (const auto [failed] = co_await with.socket.async_connect(*with.server, no_throw); failed)
        co_return false;
    const auto [unsent, sent] =
        co_await asio::async_write(with.socket, asio::buffer(with.question), no_throw);
    if (unsent) co_return false;
    std::array<std::uint8_t, 2> size{};
    const auto [no_size, size_octets] =
        co_await asio::async_read(with.socket, asio::buffer(size), no_throw);
    if (no_size) co_return false;
    with.answer.resize(static_cast<std::size_t>(size[0]) << 8 | size[1]);
    const auto [no_answer, answer_octets] =
        co_await asio::async_read(with.socket, asio::buffer(with.answer), no_throw);
    co_return !no_answer;
}

awaitable<void> run(std::shared_ptr<exchange> with,
                    std::function<void(std::span<const std::uint8_t>)> done)
{
    const bool answered = co_await ask(*with);
    with->limit.cancel();
    if (!answered) with->answer.clear();
    done(with->answer);
}

} // namespace

void query_by_stream(asio::io_context& context, const dns::name_server& server,
                     std::span<const std::uint8_t> message, tick limit,
                     std::function<void(std::span<const std::uint8_t>)> done)
{
    const auto with = std::make_shared<exchange>(context, server);
    with->question.resize(2 + message.size());
    with->question[0] = static_cast<std::uint8_t>(message.size() >> 8);
    with->question[1] = static_cast<std::uint8_t>(message.size());
    std::ranges::copy(message, with->question.begin() + 2);
    with->limit.expires_at(limit);
    with->limit.async_wait([with](const error_code& error) {
        if (error) return;
        error_code ignored;
        with->socket.close(ignored); // ends whatever is under way
    });
    asio::co_spawn(context, run(with, std::move(done)), asio::detached);
}

} // namespace fendmail::io

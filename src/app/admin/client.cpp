// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/admin/client.hpp"

#include "fendmail/io/net/socket_address.hpp"

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <exception>
#include <fmt/format.h>

namespace fendmail::app {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using io::no_throw;

namespace {

using asking_socket = asio::basic_stream_socket<asio::generic::stream_protocol, io::executor>;

/// Before it asks again: its connection was pushed out.
constexpr milliseconds asking_pause{50};
constexpr milliseconds readiness_time_limit{5000};
constexpr std::size_t stream_octets = 8192;

http::verb method_of(admin_verb verb) noexcept
{
    switch (verb) {
    case admin_verb::get: return http::verb::get;
    case admin_verb::put: return http::verb::put;
    case admin_verb::post: return http::verb::post;
    case admin_verb::remove: return http::verb::delete_;
    }
    return http::verb::unknown;
}

http::request<http::string_body> request_for(admin_verb verb, std::string_view target,
                                             std::string_view body)
{
    http::request<http::string_body> made{
        method_of(verb), boost::beast::string_view{target.data(), target.size()}, 11};
    made.set(http::field::host, "localhost");
    if (verb != admin_verb::get) made.set(http::field::content_type, "application/json");
    made.body() = body;
    made.prepare_payload();
    return made;
}

auto generic(const listen_address& where)
{
    return where.is_unix() ? io::to_generic(where.unix_path) : io::to_generic(where.tcp);
}

/// @return false when the connection was pushed out by others, and it may be asked again
io::awaitable<bool> exchange(const listen_address& where, http::request<http::string_body> request,
                             admin_answer& out)
{
    asking_socket server{co_await asio::this_coro::executor};
    const auto [refused] = co_await server.async_connect(generic(where), no_throw);
    if (refused) {
        out.failure = fmt::format("{}: {}", to_text(where), refused.message());
        co_return true;
    }
    co_await http::async_write(server, request, no_throw);
    boost::beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    parser.body_limit(reply_octets_max);
    const auto [error, n] = co_await http::async_read(server, buffer, parser, no_throw);
    if (error) co_return false;
    out.failure.clear();
    out.status = parser.get().result_int();
    out.body = std::move(parser.get().body());
    co_return true;
}

io::awaitable<void> exchange_until_answered(const listen_address& where,
                                            http::request<http::string_body> request,
                                            admin_answer& out)
{
    // What changes something may have been done although the answer is lost.
    const bool may_repeat = request.method() == http::verb::get;
    while (!co_await exchange(where, request, out) && may_repeat) {
        io::steady_timer pause{co_await asio::this_coro::executor, asking_pause};
        co_await pause.async_wait(no_throw);
    }
}

/// Calls `hear` for each line that is whole.
bool take_lines(std::string& text, const std::function<bool(std::string_view)>& hear)
{
    for (auto end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
        if (!hear(std::string_view{text}.substr(0, end))) return false;
        text.erase(0, end + 1);
    }
    return true;
}

io::awaitable<void> follow(const listen_address& where, http::request<http::string_body> request,
                           const std::function<bool(std::string_view)>& hear, admin_answer& out)
{
    asking_socket server{co_await asio::this_coro::executor};
    const auto [refused] = co_await server.async_connect(generic(where), no_throw);
    if (refused) {
        out.failure = fmt::format("{}: {}", to_text(where), refused.message());
        co_return;
    }
    co_await http::async_write(server, request, no_throw);
    boost::beast::flat_buffer buffer;
    http::response_parser<http::buffer_body> parser;
    parser.body_limit(boost::none);
    const auto [error, n] = co_await http::async_read_header(server, buffer, parser, no_throw);
    if (error) co_return;
    out.failure.clear();
    out.status = parser.get().result_int();
    std::array<char, stream_octets> part{};
    std::string text;
    while (!parser.is_done()) {
        parser.get().body().data = part.data();
        parser.get().body().size = part.size();
        const auto [broken, more] =
            co_await http::async_read_some(server, buffer, parser, no_throw);
        text.append(part.data(), part.size() - parser.get().body().size);
        if (broken && broken != http::error::need_buffer) break;
        if (out.is_ok() && !take_lines(text, hear)) co_return;
    }
    out.body = std::move(text);
}

} // namespace

admin_answer ask_admin(const listen_address& where, admin_verb verb, std::string_view target,
                       std::string_view body, milliseconds limit)
{
    admin_answer out;
    try {
        out.failure = fmt::format("no answer from {}", to_text(where));
        asio::io_context context{1};
        asio::co_spawn(context.get_executor(),
                       exchange_until_answered(where, request_for(verb, target, body), out),
                       asio::detached);
        context.run_for(limit);
    } catch (const std::exception& e) {
        out.failure = e.what();
    }
    return out;
}

admin_answer follow_admin(const listen_address& where, std::string_view target,
                          const std::function<bool(std::string_view)>& hear)
{
    admin_answer out;
    try {
        out.failure = fmt::format("no answer from {}", to_text(where));
        asio::io_context context{1};
        asio::co_spawn(context.get_executor(),
                       follow(where, request_for(admin_verb::get, target, {}), hear, out),
                       asio::detached);
        context.run();
    } catch (const std::exception& e) {
        out.failure = e.what();
    }
    return out;
}

std::string ask_readiness(const listen_address& address)
{
    const auto answer = ask_admin(address, admin_verb::get, "/readyz", {}, readiness_time_limit);
    if (answer.status == 0) return answer.failure;
    return answer.is_ok() ? "" : answer.body;
}

} // namespace fendmail::app

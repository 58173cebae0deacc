// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/admin/http.hpp"

#include "fendmail/core/address.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/socket_address.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <stdexcept>
#include <sys/stat.h>
#include <unistd.h>

namespace fendmail::app {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::generic::stream_protocol;
using boost::system::error_code;
using io::no_throw;

namespace {

constexpr std::string_view unix_prefix = "unix:";
/// For a whole request and its reply.
constexpr seconds serving_time_limit{3};
constexpr seconds asking_time_limit{5};
/// Before it asks again: somebody pushed its connection out.
constexpr milliseconds asking_pause{50};

std::optional<network> source_of(const stream_protocol::endpoint& peer)
{
    constexpr unsigned ipv4_bits = 32;
    constexpr unsigned ipv6_bits = 64;
    const auto where = io::from_generic(peer);
    if (!where) return std::nullopt;
    return network_of(where->address, where->address.is_v4() ? ipv4_bits : ipv6_bits);
}

stream_protocol::endpoint resolve(const std::string& address)
{
    if (address.starts_with(unix_prefix)) return io::to_generic(address.substr(unix_prefix.size()));
    const auto where = parse_endpoint(address);
    if (!where) throw std::runtime_error("admin.listen: " + std::string(message(where.error())));
    return io::to_generic(*where);
}

/// A file that is no socket is somebody else's, and binding there fails with the reason.
void remove_socket(const std::string& path) noexcept
{
    struct stat found{};
    if (::lstat(path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode)) ::unlink(path.c_str());
}

http::response<http::string_body> respond(const http::request<http::empty_body>& request,
                                          const std::string& unready)
{
    http::response<http::string_body> reply{http::status::ok, request.version()};
    reply.set(http::field::content_type, "text/plain; charset=utf-8");
    reply.set(http::field::cache_control, "no-store");
    reply.keep_alive(false);
    const std::string_view path{request.target().data(), request.target().size()};
    if (request.method() != http::verb::get && request.method() != http::verb::head) {
        reply.result(http::status::method_not_allowed);
        reply.set(http::field::allow, "GET, HEAD");
    } else if (path == "/livez") {
        reply.body() = "ok\n";
    } else if (path == "/readyz" || path == "/healthz") {
        if (!unready.empty()) reply.result(http::status::service_unavailable);
        reply.body() = unready.empty() ? "ok\n" : unready + "\n";
    } else {
        reply.result(http::status::not_found);
        reply.body() = "not found; there are /livez, /readyz and /healthz\n";
    }
    reply.prepare_payload();
    if (request.method() == http::verb::head) reply.body().clear();
    return reply;
}

} // namespace

admin_http::admin_http(asio::io_context& context, const std::string& address,
                       std::function<std::string()> unready)
    : acceptor_{context}
    , unready_{std::move(unready)}
{
    const auto where = resolve(address);
    const bool is_unix = address.starts_with(unix_prefix);
    const auto path = is_unix ? address.substr(unix_prefix.size()) : std::string{};
    if (is_unix) remove_socket(path); // left behind by a process that was killed
    error_code error;
    acceptor_.open(where.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(where, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) throw std::runtime_error(error.message());
    unix_path_ = path;
}

admin_http::~admin_http()
{
    if (!unix_path_.empty()) remove_socket(unix_path_);
}

void admin_http::start()
{
    asio::co_spawn(acceptor_.get_executor(), accept(), asio::detached);
}

void admin_http::stop() noexcept
{
    error_code ignored; // closed either way
    acceptor_.close(ignored);
    for (const auto& one : clients_)
        if (const auto client = one.client.lock()) client->close(ignored);
}

void admin_http::close_oldest_of(const std::optional<network>& source)
{
    const auto oldest = std::ranges::find(clients_, source, &connection::source);
    error_code ignored; // it is over either way
    if (const auto client = oldest->client.lock()) client->close(ignored);
    clients_.erase(oldest);
}

void admin_http::make_room_for(const std::optional<network>& source)
{
    std::erase_if(clients_, [](const connection& one) { return one.client.expired(); });
    if (source && std::ranges::count(clients_, source, &connection::source) >=
                      static_cast<std::ptrdiff_t>(connections_max_of_one))
        close_oldest_of(source);
    else if (clients_.size() >= connections_max)
        close_oldest_of(clients_.front().source);
}

io::awaitable<void> admin_http::accept()
{
    for (;;) {
        socket client{acceptor_.get_executor()};
        const auto [error] = co_await acceptor_.async_accept(client, no_throw);
        if (!acceptor_.is_open()) co_return;
        if (error) {
            // Short of descriptors: mail comes first, and trying again at once would spin.
            io::steady_timer pause{acceptor_.get_executor(), seconds{1}};
            co_await pause.async_wait(no_throw);
            continue;
        }
        error_code gone; // then it has no source, and its first read fails
        const auto source = source_of(client.remote_endpoint(gone));
        make_room_for(source);
        auto shared = std::make_shared<socket>(std::move(client));
        clients_.push_back({shared, source});
        asio::co_spawn(acceptor_.get_executor(), serve(std::move(shared)), asio::detached);
    }
}

io::awaitable<void> admin_http::serve(std::shared_ptr<socket> client)
{
    io::steady_timer limit{client->get_executor(), serving_time_limit};
    // A timer that has rung cannot be called back: its handler may run when all this is gone.
    limit.async_wait([weak = std::weak_ptr{client}](const error_code& error) {
        error_code ignored; // it is over either way
        if (const auto late = weak.lock(); late && !error) late->close(ignored);
    });
    boost::beast::flat_buffer buffer{request_octets};
    http::request_parser<http::empty_body> parser;
    parser.header_limit(request_octets);
    const auto [error, octets] = co_await http::async_read(*client, buffer, parser, no_throw);
    if (error) co_return;
    auto reply = respond(parser.get(), unready_());
    co_await http::async_write(*client, reply, no_throw);
    error_code ignored; // the answer is out or it is not
    client->shutdown(socket::shutdown_send, ignored);
}

namespace {

using asking_socket = asio::basic_stream_socket<asio::generic::stream_protocol, io::executor>;

/// @return whether that was an answer; "" in `out` when it is ready
io::awaitable<bool> ask_once(const std::string& where, std::string& out)
{
    asking_socket server{co_await asio::this_coro::executor};
    const auto [refused] = co_await server.async_connect(resolve(where), no_throw);
    if (refused) {
        out = where + ": " + refused.message();
        co_return true;
    }
    http::request<http::empty_body> request{http::verb::get, "/readyz", 11};
    request.set(http::field::host, "localhost");
    co_await http::async_write(server, request, no_throw);
    boost::beast::flat_buffer buffer;
    http::response<http::string_body> reply;
    const auto [error, n] = co_await http::async_read(server, buffer, reply, no_throw);
    if (error) co_return false;
    out = reply.result() == http::status::ok ? "" : reply.body();
    co_return true;
}

io::awaitable<void> ask_until_answered(const std::string& where, std::string& out)
{
    while (!co_await ask_once(where, out)) {
        io::steady_timer pause{co_await asio::this_coro::executor, asking_pause};
        co_await pause.async_wait(no_throw);
    }
}

} // namespace

std::string ask_readiness(const std::string& address)
{
    try {
        asio::io_context context{1};
        std::string failure = "no answer from " + address;
        asio::co_spawn(context.get_executor(), ask_until_answered(address, failure),
                       asio::detached);
        context.run_for(asking_time_limit);
        return failure;
    } catch (const std::exception& e) {
        return e.what();
    }
}

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/admin/http.hpp"

#include "fendmail/io/net/socket_address.hpp"
#include "fendmail/io/os/clock.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <exception>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace fendmail::app {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::generic::stream_protocol;
using boost::system::error_code;
using io::no_throw;

namespace {

constexpr std::size_t discard_octets = 4096;

std::optional<network> source_of(const stream_protocol::endpoint& peer)
{
    constexpr unsigned ipv4_bits = 32;
    constexpr unsigned ipv6_bits = 64;
    const auto where = io::from_generic(peer);
    if (!where) return std::nullopt;
    return network_of(where->address, where->address.is_v4() ? ipv4_bits : ipv6_bits);
}

/// What the peer of a UNIX socket may do: the kernel says who it was when it connected.
web::right right_of_peer(int socket) noexcept
{
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return web::right::none;
    return peer.uid == 0 || peer.uid == ::geteuid() ? web::right::change : web::right::read;
}

std::string_view view_of(boost::beast::string_view text) noexcept
{
    return {text.data(), text.size()};
}

std::optional<admin_verb> verb_of(http::verb method) noexcept
{
    switch (method) {
    case http::verb::get:
    case http::verb::head: return admin_verb::get;
    case http::verb::put: return admin_verb::put;
    case http::verb::post: return admin_verb::post;
    case http::verb::delete_: return admin_verb::remove;
    default: return std::nullopt;
    }
}

} // namespace

admin_reply admin_error(unsigned status, std::string_view text)
{
    // Our own texts hold neither quotes nor control characters, but names that were asked for may.
    std::string plain{text};
    for (char& c : plain)
        if (c < ' ' || c > '~' || c == '"' || c == '\\') c = '?';
    return {status, "application/json", fmt::format("{{\"error\":\"{}\"}}\n", plain)};
}

/// One request, from its first octet to the end of the reply.
struct admin_http::exchange {
    /// Closes the connection when the time is up. A timer that has rung cannot be called back: its
    /// handler may run when all this is gone.
    void limit(milliseconds span)
    {
        timer.expires_after(span);
        timer.async_wait([weak = std::weak_ptr{client}](const error_code& error) {
            error_code ignored; // it is over either way
            if (const auto late = weak.lock(); late && !error) late->close(ignored);
        });
    }
    [[nodiscard]] std::string_view field(http::field which) const
    {
        const auto& fields = parser.get();
        const auto found = fields.find(which);
        return found == fields.end() ? std::string_view{} : view_of(found->value());
    }
    [[nodiscard]] std::string_view field(std::string_view which) const
    {
        const auto& fields = parser.get();
        const auto found = fields.find(boost::beast::string_view{which.data(), which.size()});
        return found == fields.end() ? std::string_view{} : view_of(found->value());
    }

    explicit exchange(std::shared_ptr<socket> with)
        : client{std::move(with)}
        , timer{client->get_executor()}
        , buffer{header_octets + body_octets}
    {
        parser.header_limit(header_octets);
        parser.body_limit(body_octets);
    }

    std::shared_ptr<socket> client;
    io::steady_timer timer;
    boost::beast::flat_buffer buffer;
    http::request_parser<http::string_body> parser;
    admin_request request{};
};

admin_http::admin_http(asio::io_context& context, admin_socket at, admin_site& site,
                       std::function<web::access_rules()> rules)
    : acceptor_{context}
    , where_{std::move(at.where)}
    , is_removed_at_end_{at.is_removed_at_end}
    , site_{site}
    , rules_{std::move(rules)}
{
    const auto address =
        where_.is_unix() ? io::to_generic(where_.unix_path) : io::to_generic(where_.tcp);
    acceptor_.assign(address.protocol(), at.socket.release());
}

admin_http::~admin_http()
{
    struct stat found{};
    if (is_removed_at_end_ && where_.is_unix() && ::lstat(where_.unix_path.c_str(), &found) == 0 &&
        S_ISSOCK(found.st_mode))
        ::unlink(where_.unix_path.c_str());
}

io::unique_fd admin_http::duplicate()
{
    return io::unique_fd{::fcntl(acceptor_.native_handle(), F_DUPFD_CLOEXEC, 0)};
}

void admin_http::start()
{
    asio::co_spawn(acceptor_.get_executor(), accept(), asio::detached);
}

void admin_http::stop_accepting() noexcept
{
    // Not close() alone: another process may have the socket too, and epoll forgets a descriptor
    // only with its last one.
    error_code ignored;
    if (acceptor_.is_open()) (void)io::unique_fd{acceptor_.release(ignored)};
}

void admin_http::stop() noexcept
{
    is_stopped_ = true;
    error_code ignored; // closed either way
    stop_accepting();
    for (const auto& one : clients_)
        if (const auto client = one.client.lock()) client->close(ignored);
    for (const auto& one : streams_)
        if (const auto client = one.lock()) client->close(ignored);
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
        if (is_stopped_ || (error && !acceptor_.is_open())) co_return;
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
        if (!acceptor_.is_open()) co_return; // who came in the last moment is served all the same
    }
}

io::awaitable<void> admin_http::serve(std::shared_ptr<socket> client)
{
    exchange of{std::move(client)};
    of.limit(asking_time_limit);
    const auto [error, octets] =
        co_await http::async_read_header(*of.client, of.buffer, of.parser, no_throw);
    if (error == http::error::body_limit) co_return co_await refuse_length(of);
    if (error) co_return;
    auto refusal = refuse(of);
    // The body is read in any case: closing with unread input would make the kernel send a reset
    // that can overtake the reply.
    if (!of.parser.is_done()) {
        const auto [late, more] =
            co_await http::async_read(*of.client, of.buffer, of.parser, no_throw);
        if (late == http::error::body_limit) co_return co_await refuse_length(of);
        if (late) co_return;
    }
    if (refusal) co_return co_await write(of, *std::move(refusal));
    of.request.body = std::move(of.parser.get().body());
    of.limit(answering_time_limit);
    auto reply = co_await answer(of);
    if (!of.client->is_open()) co_return;
    if (reply.more || reply.then)
        co_await stream(of, std::move(reply));
    else
        co_await write(of, std::move(reply));
}

/// The rest of the body is read, for as long as a request may take, or the reply could be lost.
io::awaitable<void> admin_http::refuse_length(exchange& of)
{
    co_await write(of, admin_error(413, "the body is too long"));
    of.limit(asking_time_limit);
    std::array<char, discard_octets> ignored;
    for (bool is_open = true; is_open;) {
        const auto [error, octets] =
            co_await of.client->async_read_some(asio::buffer(ignored), no_throw);
        is_open = !error;
    }
}

/// By the header alone; what it asks for is in `request` then.
std::optional<admin_reply> admin_http::refuse(exchange& of)
{
    auto& request = of.request;
    const auto verb = verb_of(of.parser.get().method());
    auto target = web::parse_target(view_of(of.parser.get().target()));
    if (!verb || !target) return admin_error(verb ? 400 : 405, "this is not understood here");
    request.verb = *verb;
    request.is_local = where_.is_unix();
    request.target = *std::move(target);
    web::request_facts facts;
    if (where_.is_unix()) facts.local = right_of_peer(of.client->native_handle());
    facts.host = of.field(http::field::host);
    facts.origin = of.field(http::field::origin);
    facts.fetch_site = of.field("Sec-Fetch-Site");
    facts.content_type = of.field(http::field::content_type);
    facts.authorization = of.field(http::field::authorization);
    const auto needed = site_.needed_for(*verb, request.target.path);
    const bool shows_token =
        !facts.local && needed != web::right::none && !facts.authorization.empty();
    if (shows_token && guesses_.are_used_up(io::steady_now()))
        return admin_error(429, "too many wrong tokens; wait a minute");
    const auto why = web::refused(rules_(), facts, needed);
    if (!why) return std::nullopt;
    if (why->wrong_token) guesses_.on_wrong(io::steady_now());
    auto reply = admin_error(why->status, why->reason);
    if (why->status == 401) reply.fields.emplace_back("WWW-Authenticate", "Bearer");
    return reply;
}

io::awaitable<admin_reply> admin_http::answer(exchange& of)
{
    std::string failure;
    try {
        co_return co_await site_.answer(std::move(of.request));
    } catch (const std::exception& e) { // no memory, or a bug of ours
        failure = e.what();
    }
    co_return admin_error(500, failure);
}

namespace {

http::response<http::string_body> to_http(admin_reply& reply, unsigned version)
{
    http::response<http::string_body> made;
    made.version(version);
    made.result(reply.status);
    made.set(http::field::content_type, reply.content_type);
    made.set(http::field::cache_control, "no-store");
    made.set("X-Content-Type-Options", "nosniff");
    made.set("Referrer-Policy", "no-referrer");
    made.set("Cross-Origin-Resource-Policy", "same-origin");
    for (const auto& [name, value] : reply.fields)
        made.set(name, value);
    made.keep_alive(false);
    return made;
}

} // namespace

io::awaitable<void> admin_http::write(exchange& of, admin_reply reply)
{
    of.limit(writing_time_limit);
    auto made = to_http(reply, of.parser.get().version());
    made.body() = std::move(reply.body);
    made.prepare_payload();
    if (of.parser.get().method() == http::verb::head) made.body().clear();
    co_await http::async_write(*of.client, made, no_throw);
    error_code ignored; // the answer is out or it is not
    of.client->shutdown(socket::shutdown_send, ignored);
}

/// It is no longer one of those that have to make room.
bool admin_http::keep(const exchange& of)
{
    std::erase_if(streams_, [](const auto& one) { return one.expired(); });
    if (streams_.size() >= streams_max) return false;
    std::erase_if(clients_, [&](const connection& one) { return one.client.lock() == of.client; });
    streams_.push_back(of.client);
    return true;
}

io::awaitable<void> admin_http::stream(exchange& of, admin_reply reply)
{
    if (!keep(of))
        co_return co_await write(of, admin_error(503, "there are too many streams already"));
    auto head = to_http(reply, of.parser.get().version());
    of.limit(writing_time_limit);
    if (reply.then) {
        head.body() = std::move(reply.body);
        head.prepare_payload();
        const auto [broken, written] = co_await http::async_write(*of.client, head, no_throw);
        of.timer.cancel();
        if (!broken) co_await reply.then(of.client);
        co_return;
    }
    http::response_serializer<http::string_body> serializer{head};
    const auto [error, n] = co_await http::async_write_header(*of.client, serializer, no_throw);
    if (error) co_return;
    io::steady_timer pause{of.client->get_executor()};
    tick spoken = io::steady_now();
    while (of.client->is_open()) {
        std::string part = reply.more();
        if (part.empty() && io::steady_now() - spoken >= stream_silence_max) part = ": alive\n\n";
        if (!part.empty()) {
            of.limit(writing_time_limit);
            const auto [broken, written] =
                co_await asio::async_write(*of.client, asio::buffer(part), no_throw);
            if (broken) co_return;
            spoken = io::steady_now();
        }
        of.limit(2 * stream_silence_max);
        pause.expires_after(stream_interval);
        co_await pause.async_wait(no_throw);
    }
}

} // namespace fendmail::app

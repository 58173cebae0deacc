// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/limits.hpp"
#include "fendmail/io/backend/connectors.hpp"
#include "fendmail/io/backend/pass_service.hpp"
#include "fendmail/io/net/unix_connect.hpp"
#include "fendmail/io/os/clock.hpp"
#include "fendmail/io/os/unique_fd.hpp"
#include "greeting.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <fmt/format.h>
#include <sys/socket.h>
#include <utility>

namespace fendmail::io {

namespace {

/// Attributes of Postfix are separated by NUL, and lines end.
std::string in_words(std::string_view octets)
{
    std::string words{octets.substr(0, limits::log_text_octets)};
    std::ranges::replace_if(words, [](char c) { return c < ' '; }, ' ');
    words.erase(words.find_last_not_of(' ') + 1);
    return words;
}

/// Why the end that was passed is closed, and nothing was said on it.
void explain_drop(int channel, const std::string& path, opened& result)
{
    std::array<char, 512> buffer;
    const ssize_t octets = ::recv(channel, buffer.data(), buffer.size(), MSG_DONTWAIT);
    // It was not taken, as when Postfix stops; a client would still be ours.
    if (octets < 0 && errno == ECONNRESET) {
        result.reason = path + ": Postfix dropped the connection";
        return;
    }
    result.about = smtp::identity::unclear;
    // A `pass` service says nothing there. Others of Postfix begin with a line of their protocol,
    // and an SMTP server with its greeting.
    result.reason =
        octets > 0 ? fmt::format("{} is no \"pass\" service: it dropped the connection of a client "
                                 "and said \"{}\" itself",
                                 path, in_words({buffer.data(), static_cast<std::size_t>(octets)}))
                   : fmt::format("{} closes the connections of clients without a word, as if it "
                                 "were no smtpd of the type \"pass\"",
                                 path);
}

opened failure(std::string reason)
{
    opened result;
    result.reason = std::move(reason);
    return result;
}

/// @return closed when the service has the client
awaitable<wait_end> has_taken(stream& ipc, const deadline& limit, wake_coalescer* wakes)
{
    std::array<char, 1> nothing{};
    if (wakes != nullptr && wakes->is_on()) {
        // By then it has been closed, mostly, and no wake is needed for it.
        co_await wakes->wait();
        if (!ipc.is_open()) co_return wait_end::woken; // an orderly stop
        const auto seen = ipc.peek(asio::buffer(nothing));
        if (seen.end != wait_end::ready || seen.octets != 0) co_return seen.end;
    }
    // Asio may end a wait for an event of a socket that was in epoll before this one, so nothing
    // but the end of the channel counts.
    for (;;) {
        const auto end = co_await ipc.wait_readable(&limit);
        if (!ipc.is_open()) co_return wait_end::woken;
        if (end != wait_end::ready) co_return end;
        const auto seen = ipc.peek(asio::buffer(nothing));
        if (seen.end != wait_end::ready || seen.octets != 0) co_return seen.end;
    }
}

class pass_connector final : public connector {
public:
    explicit pass_connector(const connector_options& options);

    /// No coroutine of its own: one frame less for each client that is passed.
    awaitable<opened> open(const open_request& request, stream& server) override
    {
        return request.may_pass ? pass_connection(request, server) : pass_one_end(request, server);
    }

private:
    awaitable<opened> pass_connection(const open_request& request, stream& channel);
    awaitable<opened> pass_one_end(const open_request& request, stream& server);

    std::string path_;
    milliseconds connect_timeout_;
};

pass_connector::pass_connector(const connector_options& options)
    : connector{{.name = options.name,
                 .greeting_limit = options.greeting_timeout,
                 .idle_limit = options.idle_timeout,
                 .passes_sockets = true,
                 .tells_client = true,
                 .sends_header = false,
                 .advice = "backend.address must be the socket of a line of the type \"pass\" "
                           "with the command smtpd in Postfix's master.cf, and that smtpd must be "
                           "able to start (see its log)"}}
    , path_{options.unix_path}
    , connect_timeout_{options.connect_timeout}
{
}

/// @param channel becomes the connection with the service, while the socket is in transit
awaitable<opened> pass_connector::pass_connection(const open_request& request, stream& channel)
{
    const tick begun = steady_now();
    unique_fd connected;
    const int connect_error = co_await connect_unix(path_, request.connection, request.deadlines,
                                                    connect_timeout_, connected);
    if (connect_error != 0) co_return failure(why_not_connected(connect_error, path_));

    // Out of epoll before it is sent: the open file lives on in smtpd, and epoll would go on
    // reporting events for a descriptor that we have closed.
    unique_fd client = request.connection->release();
    if (!client) co_return failure("the client's socket is gone");
    const int send_error = send_descriptor(connected.get(), client.get(),
                                           pass_attributes(request.client, request.local));
    if (send_error != 0) {
        request.connection->adopt(std::move(client));
        co_return failure(why_not_connected(send_error, path_));
    }

    // Our copy stays open until the service says that it has the socket: if Postfix stops
    // before that, the client is still ours and can be told to come back.
    channel.adopt(std::move(connected));
    deadline in_transit{request.deadlines, channel};
    in_transit.set_after(seconds{limits::pass_service_seconds});
    const auto answer = co_await has_taken(channel, in_transit, request.wakes);
    channel.close();

    opened result;
    result.until_ready = std::chrono::duration_cast<milliseconds>(steady_now() - begun);
    switch (answer) {
    case wait_end::closed: result.end = open_end::passed; break;
    case wait_end::failed:
        request.connection->adopt(std::move(client));
        result.reason = path_ + ": Postfix dropped the connection before it took the client";
        break;
    case wait_end::timed_out:
        result.end = open_end::lost;
        result.reason = fmt::format("{}: no smtpd took the client within {} s", path_,
                                    limits::pass_service_seconds);
        break;
    case wait_end::ready: // the service never sends anything; whatever it is, it has the socket
    case wait_end::woken: // an orderly stop of ours
        result.end = open_end::passed;
        break;
    }
    co_return result;
}

/// Passes one end of a pair of sockets, and waits for the greeting on the other.
awaitable<opened> pass_connector::pass_one_end(const open_request& request, stream& server)
{
    const tick begun = steady_now();
    // Open until the service has greeted: closed before it is read, it would be taken for a client
    // that has gone.
    unique_fd channel;
    const int connect_error = co_await connect_unix(path_, request.connection, request.deadlines,
                                                    connect_timeout_, channel);
    if (connect_error != 0) co_return failure(why_not_connected(connect_error, path_));
    std::array<int, 2> pair{-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair.data()) != 0)
        co_return failure(why_not_connected(errno, path_));
    unique_fd ours{pair[0]};
    unique_fd theirs{pair[1]};
    const int send_error = send_descriptor(channel.get(), theirs.get(),
                                           pass_attributes(request.client, request.local));
    // With our copy gone, the session ends when the one that was passed is closed.
    theirs.reset();
    if (send_error != 0) co_return failure(why_not_connected(send_error, path_));

    server.adopt(std::move(ours));
    deadline limit{request.deadlines, server};
    limit.set_after(traits().greeting_limit);
    smtp::handoff_dialog dialog{
        smtp::handoff_kind::greeting_only, {}, request.client, request.local};
    auto result = co_await read_greeting(server, dialog, limit);
    // Whatever is said there, the socket was taken.
    result.is_taken = dialog.has_heard();
    const bool is_dropped = !result.is_taken && server.is_open() && !limit.has_passed();
    if (is_dropped) explain_drop(channel.get(), path_, result);
    if (result.end == open_end::greeted)
        result.until_ready = std::chrono::duration_cast<milliseconds>(steady_now() - begun);
    else
        server.close();
    co_return result;
}

} // namespace

std::unique_ptr<connector> make_pass_connector(const connector_options& options)
{
    return std::make_unique<pass_connector>(options);
}

} // namespace fendmail::io

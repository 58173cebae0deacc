// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/fdpass_backend.hpp"

#include "fendmail/core/limits.hpp"
#include "fendmail/io/clock.hpp"
#include "fendmail/io/resume.hpp"
#include "fendmail/io/unique_fd.hpp"
#include "fendmail/io/unix_connect.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <sys/socket.h>
#include <system_error>

namespace fendmail::io {

namespace {

/// One message, so that the service is never left waiting for a second half.
/// @return 0, or the errno
int send_descriptor(int channel, int descriptor, std::string_view octets) noexcept
{
    iovec data{const_cast<char*>(octets.data()), octets.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
    const ssize_t sent = ::sendmsg(channel, &message, MSG_NOSIGNAL);
    if (sent < 0) return errno;
    // The attributes fit every socket buffer; a part of them would stall the service.
    return static_cast<std::size_t>(sent) == octets.size() ? 0 : EMSGSIZE;
}

/// Postfix has the sockets of services in private/ or public/, as the third column of their line in
/// master.cf says, and leaves the one behind that they had before.
/// @return "" when nothing of it can be said
std::string look_next_door(const std::string& path)
{
    const std::filesystem::path here{path};
    const auto place = here.parent_path().filename();
    if (place != "public" && place != "private") return {};
    const auto other = here.parent_path().parent_path() /
                       (place == "public" ? "private" : "public") / here.filename();
    std::error_code error;
    const bool is_there = std::filesystem::is_socket(other, error);
    if (place == "private")
        return is_there ? fmt::format("; its line in master.cf has \"n\" in the third column, so "
                                      "that it is {}",
                                      other.native())
                        : std::string{};
    constexpr std::string_view advice = "write \"n\" in the third column of its line in master.cf, "
                                        "which makes it public, and reload Postfix";
    if (is_there) return fmt::format("; there is {}: {}", other.native(), advice);
    // Only Postfix's own user may look into private/.
    if (error == std::errc::permission_denied)
        return fmt::format("; if Postfix runs, the service is private: {}", advice);
    return {};
}

/// Attributes of Postfix are separated by NUL, and lines end.
std::string in_words(std::string_view octets)
{
    std::string words{octets.substr(0, limits::log_text_octets)};
    std::ranges::replace_if(words, [](char c) { return c < ' '; }, ' ');
    words.erase(words.find_last_not_of(' ') + 1);
    return words;
}

/// Somebody has closed the end that was passed, and did not greet on it.
proof why_dropped(int channel, const std::string& path)
{
    std::array<char, 512> buffer;
    const ssize_t octets = ::recv(channel, buffer.data(), buffer.size(), MSG_DONTWAIT);
    // Nobody took it, as when Postfix stops; a client would still be ours.
    if (octets < 0 && errno == ECONNRESET)
        return {proof_end::undecided, path + ": Postfix dropped the connection"};
    // A `pass` service says nothing there. Others of Postfix begin with a line of their protocol,
    // and an SMTP server with its greeting.
    if (octets > 0)
        return {proof_end::mistaken,
                fmt::format("{} is no \"pass\" service: it dropped the connection of a client and "
                            "said \"{}\" itself",
                            path, in_words({buffer.data(), static_cast<std::size_t>(octets)}))};
    return {proof_end::mistaken,
            path + " closes the connections of clients without a word, as if it were no smtpd of "
                   "the type \"pass\""};
}

hand_off_result failure(std::string reason)
{
    hand_off_result result;
    result.reason = std::move(reason);
    return result;
}

/// @return closed when the service has the client
awaitable<wait_end> has_taken(stream& ipc, const deadline& limit, gatherer* gathering)
{
    std::array<char, 1> nothing{};
    if (gathering != nullptr && gathering->is_on()) {
        // By then it has been closed, mostly, and nobody has to be woken for it.
        co_await gathering->wait();
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

} // namespace

std::string why_not_connected(int error_number, const std::string& path)
{
    const auto text = std::generic_category().message(error_number);
    switch (error_number) {
    case ECONNREFUSED:
        if (const auto why = look_next_door(path); !why.empty())
            return fmt::format("{}: {}{}", path, text, why);
        return fmt::format("{}: {}; is Postfix running?", path, text);
    case ENOENT:
        if (const auto why = look_next_door(path); !why.empty())
            return fmt::format("{}: {}{}", path, text, why);
        return fmt::format("{}: {}; is there a \"pass\" service in master.cf?", path, text);
    case EACCES:
        return fmt::format("{}: {}; run as a member of the group postdrop (public/) or as user "
                           "postfix (private/)",
                           path, text);
    case EAGAIN: return fmt::format("{}: all smtpd processes are busy and the queue is full", path);
    default: return fmt::format("{}: {}", path, text);
    }
}

std::string pass_attributes(const endpoint& client, const endpoint& local)
{
    std::string octets(1, '\0');
    const auto add = [&octets](std::string_view name, std::string_view value) {
        octets.append(name).push_back('\0');
        octets.append(value).push_back('\0');
    };
    add("client_address", to_text(client.address));
    add("client_port", std::to_string(client.port));
    add("server_address", to_text(local.address));
    add("server_port", std::to_string(local.port));
    octets.push_back('\0');
    return octets;
}

fdpass_backend::fdpass_backend(std::string name, std::string path, milliseconds connect_timeout,
                               milliseconds greeting_timeout, milliseconds idle_timeout)
    : name_{std::move(name)}
    , path_{std::move(path)}
    , connect_timeout_{connect_timeout}
    , greeting_timeout_{greeting_timeout}
    , idle_timeout_{idle_timeout}
{
}

/// Passes one end of a pair of sockets.
/// @param channel open until the service has greeted: closed before it is read, it would be taken
/// for a client that has gone
/// @return "", or why that was not possible
awaitable<std::string> fdpass_backend::pass_one_end(hand_off_request& request, stream& server,
                                                    unique_fd& channel) const
{
    const int connect_error =
        co_await connect_unix(path_, request.client, request.deadlines, connect_timeout_, channel);
    if (connect_error != 0) co_return why_not_connected(connect_error, path_);
    std::array<int, 2> pair{-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair.data()) != 0)
        co_return why_not_connected(errno, path_);
    unique_fd ours{pair[0]};
    unique_fd theirs{pair[1]};
    const int send_error =
        send_descriptor(channel.get(), theirs.get(),
                        pass_attributes(request.client_address, request.local_address));
    // With our copy gone, the end of whoever has the other one is the end of the session.
    theirs.reset();
    if (send_error != 0) co_return why_not_connected(send_error, path_);
    server.adopt(std::move(ours));
    co_return std::string{};
}

awaitable<resume_result> fdpass_backend::resume(hand_off_request& request,
                                                const resume_options& what, stream& server)
{
    resume_result result;
    unique_fd channel;
    result.reason = co_await pass_one_end(request, server, channel);
    if (!result.reason.empty()) co_return result;
    deadline limit{request.deadlines, server};
    limit.set_after(greeting_timeout_);
    smtp::handoff_dialog dialog{smtp::handoff_kind::greeting_only, what.hostname,
                                request.client_address, request.local_address};
    auto first_words = co_await read_greeting(server, dialog, limit);
    result.reason = std::move(first_words.failure);
    result.refusal = std::move(first_words.refusal);
    if (!result.reason.empty()) co_return result;
    limit.set_after(greeting_timeout_);
    co_return co_await replay_to(server, what, limit);
}

awaitable<proof> fdpass_backend::prove(hand_off_request& request, const std::string& hostname,
                                       stream& server)
{
    unique_fd channel;
    auto failure = co_await pass_one_end(request, server, channel);
    if (!failure.empty()) co_return proof{proof_end::undecided, std::move(failure)};
    deadline limit{request.deadlines, server};
    limit.set_after(greeting_timeout_);
    smtp::handoff_dialog dialog{smtp::handoff_kind::greeting_only, hostname, request.client_address,
                                request.local_address};
    const auto first_words = co_await read_greeting(server, dialog, limit);
    if (!server.is_open()) co_return proof{}; // an orderly stop of ours
    if (!dialog.has_heard() && limit.has_passed())
        co_return proof{proof_end::undecided, fmt::format("{}: no greeting within {} ms", path_,
                                                          greeting_timeout_.count())};
    if (!dialog.has_heard()) co_return why_dropped(channel.get(), path_);
    // Whatever it says there, it has the socket.
    if (!first_words.failure.empty()) co_return proof{proof_end::taken, first_words.failure};
    resume_options hello;
    hello.hostname = hostname;
    hello.replay.helo = "EHLO " + hostname;
    limit.set_after(greeting_timeout_);
    auto seen = co_await replay_to(server, hello, limit);
    if (seen.end == resume_end::ready) {
        // For an orderly end; nothing follows from what it says.
        (void)co_await has_one_reply_too_many(server, limit);
    }
    co_return proof{proof_end::taken, std::move(seen.reason), std::move(seen.offered)};
}

awaitable<hand_off_result> fdpass_backend::hand_off(hand_off_request& request)
{
    const tick begun = steady_now();
    unique_fd channel;
    const int connect_error =
        co_await connect_unix(path_, request.client, request.deadlines, connect_timeout_, channel);
    if (connect_error != 0) co_return failure(why_not_connected(connect_error, path_));

    // Out of epoll before it is sent: the open file lives on in smtpd, and epoll would go on
    // reporting events for a descriptor that we have closed.
    unique_fd client = request.client.release();
    if (!client) co_return failure("the client's socket is gone");
    const int send_error =
        send_descriptor(channel.get(), client.get(),
                        pass_attributes(request.client_address, request.local_address));
    if (send_error != 0) {
        request.client.adopt(std::move(client));
        co_return failure(why_not_connected(send_error, path_));
    }

    // Our copy stays open until the service says that it has the socket: if Postfix stops
    // before that, the client is still ours and can be told to come back.
    stream ipc{request.client.get_executor(), std::move(channel)};
    const stream_group::membership member{request.streams, ipc};
    deadline in_transit{request.deadlines, ipc};
    in_transit.set_after(seconds{limits::pass_service_seconds});
    const auto answer = co_await has_taken(ipc, in_transit, request.gathering);

    hand_off_result result;
    result.until_ready = std::chrono::duration_cast<milliseconds>(steady_now() - begun);
    switch (answer) {
    case wait_end::closed: result.end = hand_off_end::passed_on; break;
    case wait_end::failed:
        request.client.adopt(std::move(client));
        result.reason = path_ + ": Postfix dropped the connection before it took the client";
        break;
    case wait_end::timed_out:
        result.end = hand_off_end::lost;
        result.reason = fmt::format("{}: no smtpd took the client within {} s", path_,
                                    limits::pass_service_seconds);
        break;
    case wait_end::ready: // the service never sends anything; whatever it is, it has the socket
    case wait_end::woken: // an orderly stop of ours
        result.end = hand_off_end::passed_on;
        break;
    }
    co_return result;
}

} // namespace fendmail::io

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/server/predecessor.hpp"

#include "fendmail/core/limits.hpp"
#include "fendmail/io/net/socket_address.hpp"
#include "fendmail/io/os/descriptor_passing.hpp"
#include "fendmail/io/os/program.hpp"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_to.hpp>
#include <cerrno>
#include <charconv>
#include <fmt/format.h>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/time.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace fendmail::app {

namespace json = boost::json;

namespace {

constexpr timeval step_time{10, 0};
constexpr std::size_t head_octets_max = 8192;
constexpr std::size_t body_octets_max = 1 << 20;

constexpr std::string_view question = "POST /api/v1/takeover HTTP/1.1\r\nHost: localhost\r\n"
                                      "Content-Type: application/json\r\nContent-Length: 0\r\n\r\n";

[[noreturn]] void fail(std::string_view what, int code)
{
    throw std::runtime_error(
        fmt::format("cannot take over: {}: {}", what, std::generic_category().message(code)));
}

io::unique_fd connect_to(const std::string& path)
{
    if (path.size() > limits::unix_path_octets) fail(path, ENAMETOOLONG);
    const auto where = io::to_generic(path);
    io::unique_fd made{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (!made) fail("socket", errno);
    for (const int which : {SO_RCVTIMEO, SO_SNDTIMEO})
        if (::setsockopt(made.get(), SOL_SOCKET, which, &step_time, sizeof step_time) != 0)
            fail("socket", errno);
    if (::connect(made.get(), where.data(), static_cast<socklen_t>(where.size())) != 0)
        fail(path, errno);
    return made;
}

void send_all(int socket, std::string_view text)
{
    while (!text.empty()) {
        const auto sent = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) fail("the running fendmail does not listen", errno);
        if (sent > 0) text.remove_prefix(static_cast<std::size_t>(sent));
    }
}

/// Never more than that: what stands behind may have descriptors with it.
std::string receive(int socket, std::size_t octets)
{
    std::string text(octets, '\0');
    for (std::size_t at = 0; at < octets;) {
        const auto got = ::recv(socket, text.data() + at, octets - at, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) fail("the running fendmail does not answer", got == 0 ? ECONNRESET : errno);
        at += static_cast<std::size_t>(got);
    }
    return text;
}

/// RFC 9112 §2.1, of an answer that is our own.
std::string receive_head(int socket)
{
    std::string head;
    while (!head.ends_with("\r\n\r\n")) {
        if (head.size() == head_octets_max) fail("an answer without an end", EMSGSIZE);
        head += receive(socket, 1);
    }
    return head;
}

std::size_t body_length(std::string_view head)
{
    constexpr std::string_view field = "\r\nContent-Length: ";
    const auto at = head.find(field);
    std::size_t octets = 0;
    if (at == std::string_view::npos ||
        std::from_chars(head.data() + at + field.size(), head.data() + head.size(), octets).ec !=
            std::errc{} ||
        octets > body_octets_max)
        fail("an answer that is not understood", EBADMSG);
    return octets;
}

json::value receive_answer(int socket)
{
    const auto head = receive_head(socket);
    const auto body = receive(socket, body_length(head));
    boost::system::error_code error;
    auto value = json::parse(body, error);
    if (!head.starts_with("HTTP/1.1 200 ") || error || !value.is_object())
        throw std::runtime_error(
            fmt::format("cannot take over: the running fendmail refuses: {}", body));
    return value;
}

std::vector<io::unique_fd> receive_sockets(int socket, std::size_t count)
{
    std::vector<io::unique_fd> all;
    while (all.size() < count)
        if (const int code = io::receive_descriptors(socket, all); code != 0)
            fail("its sockets did not come", code);
    return all;
}

listen_address admin_address(std::string_view text)
{
    constexpr std::string_view unix_mark = "unix:";
    if (text.starts_with(unix_mark)) return {{}, std::string{text.substr(unix_mark.size())}};
    const auto where = parse_endpoint(text);
    if (!where) fail("an answer that is not understood", EBADMSG);
    return {*where, {}};
}

std::string_view text_of(const json::value& value)
{
    const auto& text = value.as_string();
    return {text.data(), text.size()};
}

} // namespace

predecessor::predecessor(const std::string& socket)
    : connection_{connect_to(socket)}
{
    send_all(connection_.get(), question);
    const auto answer = receive_answer(connection_.get());
    std::size_t count = 0;
    try {
        for (const auto& row : answer.at("addresses").as_array()) {
            const auto wanted = parse_endpoint(text_of(row.at("wanted")));
            const auto sockets = row.at("sockets").to_number<std::size_t>();
            if (!wanted) fail("an answer that is not understood", EBADMSG);
            addresses.push_back({*wanted, std::vector<io::unique_fd>(sockets)});
            count += sockets;
        }
        for (const auto& row : answer.at("admin").as_array())
            admin.push_back({{}, admin_address(text_of(row)), true});
        count += admin.size();
        are_passed = answer.at("are_passed").as_bool();
    } catch (const boost::system::system_error&) {
        fail("an answer that is not understood", EBADMSG);
    }
    auto sockets = receive_sockets(connection_.get(), count);
    auto next = sockets.begin();
    for (auto& one : addresses)
        for (auto& place : one.sockets)
            place = std::move(*next++);
    for (auto& one : admin)
        one.socket = std::move(*next++);
}

void predecessor::tell_ready() noexcept
{
    // From here on there is no way back: if the other is gone or does not answer, this process
    // serves, and both may accept for a while, which harms no client.
    io::live_on();
    std::array<char, 32> ready{};
    const auto end = fmt::format_to_n(ready.data(), ready.size(), "ready {}\n", ::getpid());
    if (::send(connection_.get(), ready.data(), end.size, MSG_NOSIGNAL) < 0) return;
    std::array<char, 16> yours{};
    while (::recv(connection_.get(), yours.data(), yours.size(), 0) < 0 && errno == EINTR) {
    }
    connection_.reset();
}

void predecessor::tell_failed(std::string_view why) noexcept
try {
    const auto text = fmt::format("failed {}\n", why);
    (void)::send(connection_.get(), text.data(), text.size(), MSG_NOSIGNAL); // then it sees the end
} catch (const std::exception&) {
    // Without memory it sees the end as well.
}

std::string takeover_answer(const std::vector<inherited_address>& addresses,
                            const std::vector<listen_address>& admin, bool are_passed)
{
    json::array rows;
    for (const auto& one : addresses)
        rows.push_back(json::object{{"wanted", to_text(listen_address{one.wanted, {}})},
                                    {"sockets", one.sockets.size()}});
    json::array places;
    for (const auto& one : admin)
        places.emplace_back(to_text(one));
    return json::serialize(json::object{{"addresses", std::move(rows)},
                                        {"admin", std::move(places)},
                                        {"are_passed", are_passed}}) +
           "\n";
}

} // namespace fendmail::app

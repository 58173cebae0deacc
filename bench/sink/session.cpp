// SPDX-License-Identifier: Apache-2.0
#include "sink/session.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <utility>

namespace fendmail::sink {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t buffer_octets = 262'144;
constexpr std::size_t v2_fixed_octets = 16;
constexpr std::string_view v2_signature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::string_view end_of_mail = "\r\n.\r\n";

std::array<char, buffer_octets> shared_buffer;

/// How long a PROXY header is; 0 when that cannot be said yet.
std::size_t header_octets(std::string_view text)
{
    if (text.substr(0, 5) == "PROXY") {
        const auto end = text.find('\n');
        return end == std::string_view::npos ? 0 : end + 1;
    }
    const auto known = std::min(text.size(), v2_signature.size());
    if (text.substr(0, known) != v2_signature.substr(0, known) || text.size() < v2_fixed_octets)
        return 0;
    const auto octet = [&](std::size_t i) {
        return static_cast<std::size_t>(static_cast<unsigned char>(text[i]));
    };
    return v2_fixed_octets + octet(14) * 256 + octet(15);
}

} // namespace

session::session(asio::ip::tcp::socket socket, bool has_header)
    : socket_{std::move(socket)}
    , has_header_{has_header}
{
}

void session::start()
{
    error_code error;
    socket_.non_blocking(true, error);
    static_cast<void>(socket_.set_option(asio::ip::tcp::no_delay{true}, error));
    if (!has_header_) say("220 sink.example.test ESMTP\r\n");
    wait();
}

void session::wait()
{
    socket_.async_wait(asio::ip::tcp::socket::wait_read,
                       [self = shared_from_this()](const error_code& error) {
                           if (!error) self->read();
                       });
}

void session::read()
{
    error_code error;
    const auto octets = socket_.read_some(asio::buffer(shared_buffer), error);
    if (error == asio::error::would_block) return wait();
    if (error) return;
    take({shared_buffer.data(), octets});
    if (!is_over_) return wait();
    static_cast<void>(socket_.close(error));
}

bool session::skip_header(std::string_view& octets)
{
    kept_ += octets;
    const auto length = header_octets(kept_);
    if (length == 0 || kept_.size() < length) return false;
    octets.remove_prefix(octets.size() - (kept_.size() - length));
    kept_.clear();
    has_header_ = false;
    say("220 sink.example.test ESMTP\r\n");
    return true;
}

void session::take(std::string_view octets)
{
    if (has_header_ && !skip_header(octets)) return;
    while (!octets.empty() && !is_over_) {
        if (in_message_) {
            take_message(octets);
            continue;
        }
        const auto end = octets.find('\n');
        kept_ += octets.substr(0, end);
        if (end == std::string_view::npos) return;
        octets.remove_prefix(end + 1);
        take_line(std::exchange(kept_, {}));
    }
}

void session::take_message(std::string_view& octets)
{
    // The end may lie across two reads: its beginning is looked for in the last octets of the
    // one with the first octets of the other.
    const auto seam = kept_.size();
    kept_ += octets.substr(0, end_of_mail.size() - 1);
    auto found = kept_.find(end_of_mail);
    if (found != std::string::npos) {
        octets.remove_prefix(found + end_of_mail.size() - seam);
    } else {
        found = octets.find(end_of_mail);
        if (found == std::string_view::npos) {
            const auto tail = std::min(octets.size(), end_of_mail.size() - 1);
            kept_ =
                tail == octets.size() ? kept_ : std::string{octets.substr(octets.size() - tail)};
            if (kept_.size() >= end_of_mail.size())
                kept_.erase(0, kept_.size() - (end_of_mail.size() - 1));
            octets = {};
            return;
        }
        octets.remove_prefix(found + end_of_mail.size());
    }
    kept_.clear();
    in_message_ = false;
    say("250 2.0.0 Ok: discarded\r\n");
}

void session::take_line(std::string_view line)
{
    const auto verb = line.substr(0, 4);
    if (verb == "EHLO") {
        say("250-sink.example.test\r\n250-PIPELINING\r\n250-SIZE 50000000\r\n250 8BITMIME\r\n");
    } else if (verb == "DATA") {
        in_message_ = true;
        kept_ = "\r\n"; // a dot on the first line ends an empty mail
        say("354 End data with <CR><LF>.<CR><LF>\r\n");
    } else if (verb == "QUIT") {
        say("221 2.0.0 Bye\r\n");
        is_over_ = true;
    } else {
        say("250 2.0.0 Ok\r\n");
    }
}

void session::say(std::string_view text)
{
    // Replies are short and wait for the client, so they fit into the socket's buffer.
    error_code error;
    if (socket_.write_some(asio::buffer(text), error) != text.size()) is_over_ = true;
}

} // namespace fendmail::sink

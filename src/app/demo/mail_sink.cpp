// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/demo/mail_sink.hpp"

#include "fendmail/core/event/render.hpp"
#include "fendmail/core/limits.hpp"
#include "fendmail/core/smtp/line_reader.hpp"

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/write.hpp>
#include <cstddef>
#include <fmt/format.h>
#include <string>
#include <string_view>

namespace fendmail::app {

namespace asio = boost::asio;
using asio::ip::tcp;
using io::no_throw;
using client_socket = asio::basic_stream_socket<tcp, io::executor>;

namespace {

/// What a mail sink says to one line of a client.
class sink_dialog {
public:
    /// @return the reply, "" for none
    std::string on_line(std::string_view line)
    {
        if (in_data_) return on_data(line);
        if (line.starts_with("PROXY ")) {
            const auto from = line.find(' ', 6) + 1;
            client_ = line.substr(from, line.find(' ', from) - from);
            return "220 sink.demo ESMTP\r\n";
        }
        const auto verb = upper(line.substr(0, 4));
        if (verb == "EHLO") return "250-sink.demo\r\n250 8BITMIME\r\n";
        if (verb == "MAIL") from_ = line.substr(line.find(':') + 1);
        if (verb == "RCPT") to_ = line.substr(line.find(':') + 1);
        if (verb == "DATA") {
            in_data_ = true;
            octets_ = 0;
            return "354 go on\r\n";
        }
        if (verb == "QUIT") {
            done_ = true;
            return "221 2.0.0 Bye\r\n";
        }
        return "250 2.0.0 Ok\r\n";
    }
    [[nodiscard]] bool done() const noexcept { return done_; }

private:
    static std::string upper(std::string_view text)
    {
        std::string result{text};
        for (char& c : result)
            if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
        return result;
    }
    std::string on_data(std::string_view line)
    {
        if (line != ".") {
            octets_ += line.size() + 2;
            return {};
        }
        in_data_ = false;
        // What a client says may hold terminal escapes.
        fmt::memory_buffer text;
        for (const auto* part : {&client_, &from_, &to_}) {
            event::append_escaped(text, *part, limits::log_text_octets);
            text.push_back(part == &to_ ? '\n' : ' ');
        }
        fmt::print("\n  ==> mail delivered ({} octets): client, from, to: {}\n", octets_,
                   std::string_view{text.data(), text.size()});
        std::fflush(stdout);
        return "250 2.0.0 delivered to the demo's mail sink\r\n";
    }

    std::string client_;
    std::string from_;
    std::string to_;
    std::size_t octets_ = 0;
    bool in_data_ = false;
    bool done_ = false;
};

io::awaitable<void> serve(client_socket client)
{
    constexpr std::size_t line_octets = 2048;
    smtp::line_reader reader{line_octets};
    sink_dialog dialog;
    std::array<char, 4096> buffer;
    while (!dialog.done()) {
        const auto [error, octets] =
            co_await client.async_read_some(asio::buffer(buffer), no_throw);
        if (error) co_return;
        reader.feed({buffer.data(), octets});
        while (const auto line = reader.next()) {
            const auto reply = dialog.on_line(line->text);
            const auto [failed, written] =
                co_await asio::async_write(client, asio::buffer(reply), no_throw);
            if (failed) co_return;
        }
    }
}

} // namespace

mail_sink::mail_sink(asio::io_context& context)
    : acceptor_{context, tcp::endpoint{asio::ip::address_v4::loopback(), 0}}
{
}

std::uint16_t mail_sink::port() const
{
    return acceptor_.local_endpoint().port();
}

void mail_sink::start()
{
    asio::co_spawn(acceptor_.get_executor(), accept(), asio::detached);
}

io::awaitable<void> mail_sink::accept()
{
    for (;;) {
        auto [error, client] = co_await acceptor_.async_accept(no_throw);
        if (!acceptor_.is_open()) co_return;
        if (error) continue;
        asio::co_spawn(acceptor_.get_executor(), serve(std::move(client)), asio::detached);
    }
}

} // namespace fendmail::app

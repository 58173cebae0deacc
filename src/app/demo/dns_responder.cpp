// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/demo/dns_responder.hpp"

#include "fendmail/core/dnsbl/query_name.hpp"
#include "fendmail/core/limits.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace fendmail::app {

namespace asio = boost::asio;
using asio::ip::udp;
using io::no_throw;

namespace {

constexpr std::size_t header_octets = 12;
constexpr std::uint8_t ttl_seconds = 60;

struct question {
    std::string name;    ///< lower case, no trailing dot
    std::size_t end = 0; ///< offset behind type and class
    bool wants_a = false;
};

std::optional<question> read_question(const std::uint8_t* message, std::size_t octets)
{
    const bool is_query =
        octets >= header_octets && (message[2] & 0xf8) == 0 && message[4] == 0 && message[5] == 1;
    if (!is_query) return std::nullopt;
    question found;
    std::size_t at = header_octets;
    while (at < octets && message[at] != 0) {
        const std::size_t label = message[at];
        if (label > limits::dns_label_octets || at + 1 + label >= octets) return std::nullopt;
        if (!found.name.empty()) found.name += '.';
        for (std::size_t i = 1; i <= label; ++i) {
            const auto c = static_cast<char>(message[at + i]);
            found.name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        }
        at += 1 + label;
    }
    if (at + 5 > octets) return std::nullopt;
    found.end = at + 5;
    found.wants_a = message[at + 1] == 0 && message[at + 2] == 1;
    return found;
}

} // namespace

dns_responder::dns_responder(asio::io_context& context, std::string zone,
                             std::vector<ip_address> listed)
    : socket_{context, udp::endpoint{asio::ip::address_v4::loopback(), 0}}
    , zone_{std::move(zone)}
{
    for (const auto& address : listed)
        listed_.push_back(dnsbl::query_name(address, zone_));
}

std::uint16_t dns_responder::port() const
{
    return socket_.local_endpoint().port();
}

void dns_responder::start()
{
    asio::co_spawn(socket_.get_executor(), serve(), asio::detached);
}

std::optional<std::vector<std::uint8_t>> dns_responder::answer(const std::uint8_t* message,
                                                               std::size_t octets) const
{
    const auto asked = read_question(message, octets);
    if (!asked) return std::nullopt;
    const bool is_listed = std::find(listed_.begin(), listed_.end(), asked->name) != listed_.end();
    std::vector<std::uint8_t> reply(message, message + asked->end);
    reply[2] = 0x84;                    // a response, authoritative
    reply[3] = is_listed ? 0x00 : 0x03; // NOERROR or NXDOMAIN
    std::fill(reply.begin() + 6, reply.begin() + header_octets, std::uint8_t{0});
    const auto add = [&reply](std::initializer_list<std::uint8_t> more) {
        reply.insert(reply.end(), more);
    };
    if (is_listed && asked->wants_a) {
        reply[7] = 1;
        add({0xc0, header_octets, 0, 1, 0, 1, 0, 0, 0, ttl_seconds, 0, 4, 127, 0, 0, 2});
    } else if (!is_listed) {
        // An SOA whose last field says for how long "not listed" holds.
        reply[9] = 1;
        add({0xc0, header_octets, 0, 6, 0, 1, 0, 0, 0, ttl_seconds, 0, 22, 0, 0});
        for (int field = 0; field < 5; ++field)
            add({0, 0, 0, ttl_seconds});
    }
    return reply;
}

io::awaitable<void> dns_responder::serve()
{
    std::array<std::uint8_t, 512> message;
    for (;;) {
        udp::endpoint from;
        const auto [error, octets] =
            co_await socket_.async_receive_from(asio::buffer(message), from, no_throw);
        if (error) co_return;
        if (const auto reply = answer(message.data(), octets))
            co_await socket_.async_send_to(asio::buffer(*reply), from, no_throw);
    }
}

} // namespace fendmail::app

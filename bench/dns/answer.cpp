// SPDX-License-Identifier: Apache-2.0
#include "dns/answer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <string>

namespace fendmail::dns {

namespace {

constexpr std::size_t header_octets = 12;
constexpr std::uint8_t type_a = 1;
constexpr std::uint8_t ttl = 60;
constexpr std::uint32_t test_entry = 0x7f000002;

/// A decimal octet; nothing for anything else.
std::optional<std::uint8_t> parse_octet(std::string_view text)
{
    std::uint8_t value = 0;
    const char* end = text.data() + text.size();
    const auto done = std::from_chars(text.data(), end, value);
    if (done.ec != std::errc{} || done.ptr != end) return std::nullopt;
    return value;
}

struct question {
    std::optional<std::uint32_t> client; ///< when its first four labels are an address
    std::size_t end = 0;
    bool wants_a = false;
};

std::optional<question> read_question(std::span<const std::uint8_t> query)
{
    const bool is_query =
        query.size() > header_octets && (query[2] & 0xf8) == 0 && query[4] == 0 && query[5] == 1;
    if (!is_query) return std::nullopt;
    std::size_t at = header_octets;
    std::uint32_t client = 0;
    unsigned octets = 0;
    for (unsigned label = 0; at < query.size() && query[at] != 0; ++label) {
        const std::size_t size = query[at];
        if (size > 63 || at + 1 + size >= query.size()) return std::nullopt;
        const auto* text = reinterpret_cast<const char*>(query.data()) + at + 1;
        if (const auto octet = parse_octet({text, size}); octet && label < 4) {
            client |= static_cast<std::uint32_t>(*octet) << (8 * label);
            ++octets;
        }
        at += 1 + size;
    }
    if (at + 5 > query.size()) return std::nullopt;
    question found;
    if (octets == 4) found.client = client;
    found.wants_a = query[at + 1] == 0 && query[at + 2] == type_a;
    found.end = at + 5;
    return found;
}

bool is_in(const network& net, std::uint32_t client)
{
    if (net.prefix_length == 0) return true;
    const unsigned shift = 32 - net.prefix_length;
    return client >> shift == net.address >> shift;
}

} // namespace

std::optional<network> parse_network(std::string_view text)
{
    const auto slash = text.find('/');
    network found;
    if (slash != std::string_view::npos) {
        const auto length = parse_octet(text.substr(slash + 1));
        if (!length || *length > 32) return std::nullopt;
        found.prefix_length = *length;
    }
    std::string_view left = text.substr(0, slash);
    for (unsigned i = 0; i < 4; ++i) {
        const auto dot = left.find('.');
        const auto octet = parse_octet(left.substr(0, dot));
        if (!octet || (dot == std::string_view::npos) != (i == 3)) return std::nullopt;
        found.address = found.address << 8 | *octet;
        left.remove_prefix(i == 3 ? left.size() : dot + 1);
    }
    return found;
}

std::optional<std::vector<std::uint8_t>> answer(std::span<const std::uint8_t> query,
                                                const network& listed)
{
    const auto asked = read_question(query);
    if (!asked) return std::nullopt;
    const bool is_listed =
        asked->client && (*asked->client == test_entry || is_in(listed, *asked->client));
    std::vector<std::uint8_t> reply(query.begin(), query.begin() + static_cast<long>(asked->end));
    reply[2] = static_cast<std::uint8_t>(0x84 | (query[2] & 1)); // response, authoritative
    reply[3] = is_listed ? 0x80 : 0x83;                          // NOERROR or NXDOMAIN
    std::fill(reply.begin() + 6, reply.begin() + header_octets, std::uint8_t{0});
    const auto add = [&reply](std::initializer_list<std::uint8_t> more) {
        reply.insert(reply.end(), more);
    };
    if (is_listed && asked->wants_a) {
        reply[7] = 1;
        add({0xc0, header_octets, 0, type_a, 0, 1, 0, 0, 0, ttl, 0, 4, 127, 0, 0, 2});
    } else {
        // An SOA of the root, whose last field says for how long the answer holds.
        reply[9] = 1;
        add({0, 0, 6, 0, 1, 0, 0, 0, ttl, 0, 22, 0, 0});
        for (int field = 0; field < 5; ++field)
            add({0, 0, 0, ttl});
    }
    return reply;
}

} // namespace fendmail::dns

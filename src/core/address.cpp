// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/address.hpp"

#include "fendmail/core/assert.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>
#include <optional>

namespace fendmail {

namespace {

using v4_octets = std::array<std::uint8_t, 4>;
using v6_octets = std::array<std::uint8_t, 16>;

constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr unsigned mapped_prefix_bits = 96;
constexpr std::size_t group_count = 8;

bool is_digit(char c) noexcept
{
    return c >= '0' && c <= '9';
}

/// A decimal number up to `most` without sign or leading zeros. Leading zeros are refused since
/// some programs read them as octal: one text must not name two addresses.
std::optional<unsigned> parse_decimal(std::string_view text, unsigned most) noexcept
{
    if (text.empty() || !is_digit(text.front()) || (text.size() > 1 && text.front() == '0'))
        return std::nullopt;
    unsigned value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, fault] = std::from_chars(text.data(), end, value);
    if (fault != std::errc{} || stop != end || value > most) return std::nullopt;
    return value;
}

std::optional<v4_octets> parse_v4(std::string_view text) noexcept
{
    v4_octets octets{};
    for (std::size_t i = 0; i < octets.size(); ++i) {
        const bool last = i + 1 == octets.size();
        const std::size_t end = last ? text.size() : text.find('.');
        if (end == std::string_view::npos) return std::nullopt;
        const auto value = parse_decimal(text.substr(0, end), 255);
        if (!value) return std::nullopt;
        octets[i] = static_cast<std::uint8_t>(*value);
        text.remove_prefix(last ? end : end + 1);
    }
    return octets;
}

std::optional<std::uint16_t> parse_group(std::string_view text) noexcept
{
    if (text.empty() || text.size() > 4) return std::nullopt;
    std::uint16_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, fault] = std::from_chars(text.data(), end, value, 16);
    if (fault != std::errc{} || stop != end) return std::nullopt;
    return value;
}

/// A run of 16-bit groups without "::".
struct groups {
    std::array<std::uint16_t, group_count> values{};
    std::size_t count = 0;
};

/// @param v4_at_end whether the last two groups may be written as an IPv4 address
std::optional<groups> parse_groups(std::string_view text, bool v4_at_end) noexcept
{
    groups found;
    if (text.empty()) return found;
    for (bool more = true; more;) {
        const std::size_t colon = text.find(':');
        more = colon != std::string_view::npos;
        const auto part = text.substr(0, colon);
        const bool as_v4 = !more && v4_at_end && part.find('.') != std::string_view::npos;
        if (found.count + (as_v4 ? 2 : 1) > group_count) return std::nullopt;
        if (as_v4) {
            const auto v4 = parse_v4(part);
            if (!v4) return std::nullopt;
            found.values[found.count++] = static_cast<std::uint16_t>((*v4)[0] << 8 | (*v4)[1]);
            found.values[found.count++] = static_cast<std::uint16_t>((*v4)[2] << 8 | (*v4)[3]);
        } else {
            const auto value = parse_group(part);
            if (!value) return std::nullopt;
            found.values[found.count++] = *value;
        }
        if (more) text.remove_prefix(colon + 1);
    }
    return found;
}

std::optional<v6_octets> parse_v6(std::string_view text) noexcept
{
    const std::size_t gap = text.find("::");
    const bool has_gap = gap != std::string_view::npos;
    const auto head = parse_groups(text.substr(0, gap), !has_gap);
    const auto tail = parse_groups(has_gap ? text.substr(gap + 2) : std::string_view{}, true);
    if (!head || !tail) return std::nullopt;
    // RFC 4291 §2.2: "::" stands for one or more groups.
    const std::size_t written = head->count + tail->count;
    if (has_gap ? written >= group_count : written != group_count) return std::nullopt;

    std::array<std::uint16_t, group_count> all{};
    std::copy_n(head->values.begin(), head->count, all.begin());
    std::copy_n(tail->values.begin(), tail->count, all.end() - static_cast<int>(tail->count));
    v6_octets octets{};
    for (std::size_t i = 0; i < group_count; ++i) {
        octets[2 * i] = static_cast<std::uint8_t>(all[i] >> 8);
        octets[2 * i + 1] = static_cast<std::uint8_t>(all[i] & 0xff);
    }
    return octets;
}

struct zero_run {
    std::size_t begin = group_count;
    std::size_t length = 0;
};

/// What RFC 5952 §4.2 shortens to "::": the longest run of zero groups, the first of equals, but
/// never a single group.
zero_run longest_zero_run(const std::array<unsigned, group_count>& all) noexcept
{
    zero_run best;
    for (std::size_t i = 0; i < group_count;) {
        std::size_t end = i;
        while (end < group_count && all[end] == 0)
            ++end;
        if (end - i >= 2 && end - i > best.length) best = {i, end - i};
        i = end + 1;
    }
    return best;
}

// Every log line holds an address: no format strings here, which would be read anew each time.
void append_decimal(std::string& text, unsigned number)
{
    const fmt::format_int digits{number};
    text.append(digits.data(), digits.size());
}

void append_hexadecimal(std::string& text, unsigned number)
{
    std::array<char, 8> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
    text.append(digits.data(), end);
}

void append_v4(std::string& text, std::span<const std::uint8_t> octets)
{
    for (std::size_t i = 0; i < octets.size(); ++i) {
        if (i != 0) text += '.';
        append_decimal(text, octets[i]);
    }
}

void append_v6(std::string& text, std::span<const std::uint8_t> octets)
{
    std::array<unsigned, group_count> all{};
    for (std::size_t i = 0; i < group_count; ++i)
        all[i] = static_cast<unsigned>(octets[2 * i] << 8 | octets[2 * i + 1]);
    const zero_run run = longest_zero_run(all);
    for (std::size_t i = 0; i < group_count;) {
        if (i == run.begin) {
            text += "::";
            i += run.length;
            continue;
        }
        if (i != 0 && text.back() != ':') text += ':';
        append_hexadecimal(text, all[i]);
        ++i;
    }
}

void append_address(std::string& text, const ip_address& address)
{
    address.is_v4() ? append_v4(text, address.octets()) : append_v6(text, address.octets());
}

} // namespace

ip_address ip_address::v4(const std::array<std::uint8_t, 4>& octets) noexcept
{
    ip_address made;
    std::copy(octets.begin(), octets.end(), made.octets_.begin());
    return made;
}

ip_address ip_address::v6(const std::array<std::uint8_t, 16>& octets) noexcept
{
    if (std::equal(mapped_prefix.begin(), mapped_prefix.end(), octets.begin()))
        return v4({octets[12], octets[13], octets[14], octets[15]});
    ip_address made;
    made.octets_ = octets;
    made.is_v4_ = false;
    return made;
}

bool ip_address::is_loopback() const noexcept
{
    if (is_v4_) return octets_[0] == 127;
    return octets_[15] == 1 && std::all_of(octets_.begin(), octets_.end() - 1,
                                           [](std::uint8_t octet) { return octet == 0; });
}

ip_address ip_address::masked(unsigned prefix_length) const noexcept
{
    FENDMAIL_ASSERT(prefix_length <= bits());
    ip_address made = *this;
    const std::size_t whole = prefix_length / 8;
    if (whole == made.octets_.size()) return made;
    const unsigned rest = prefix_length % 8;
    made.octets_[whole] &= static_cast<std::uint8_t>(0xff00U >> rest);
    std::fill(made.octets_.begin() + static_cast<std::ptrdiff_t>(whole) + 1, made.octets_.end(),
              std::uint8_t{0});
    return made;
}

bool network::contains(const ip_address& other) const noexcept
{
    return other.is_v4() == address.is_v4() && other.masked(prefix_length) == address;
}

network network_of(const ip_address& address, unsigned prefix_length) noexcept
{
    return {address.masked(prefix_length), static_cast<std::uint8_t>(prefix_length)};
}

result<ip_address> parse_address(std::string_view text) noexcept
{
    if (text.find(':') == std::string_view::npos) {
        if (const auto octets = parse_v4(text)) return ip_address::v4(*octets);
    } else if (const auto octets = parse_v6(text)) {
        return ip_address::v6(*octets);
    }
    return error::bad_address;
}

result<network> parse_network(std::string_view text) noexcept
{
    const std::size_t slash = text.find('/');
    const auto address_text = text.substr(0, slash);
    const auto address = parse_address(address_text);
    if (!address) return address.error();
    if (slash == std::string_view::npos)
        return network{*address, static_cast<std::uint8_t>(address->bits())};

    const bool written_as_v6 = address_text.find(':') != std::string_view::npos;
    auto length = parse_decimal(text.substr(slash + 1), written_as_v6 ? 128 : 32);
    if (!length) return error::bad_prefix_length;
    if (written_as_v6 && address->is_v4()) {
        // Shorter ones reach into the "ffff" of the mapped form, which are then host bits.
        if (*length < mapped_prefix_bits) return error::host_bits_set;
        *length -= mapped_prefix_bits;
    }
    if (address->masked(*length) != *address) return error::host_bits_set;
    return network{*address, static_cast<std::uint8_t>(*length)};
}

result<endpoint> parse_endpoint(std::string_view text) noexcept
{
    std::string_view address_text;
    std::string_view port_text;
    if (text.starts_with('[')) {
        const std::size_t bracket = text.find(']');
        if (bracket == std::string_view::npos) return error::bad_address;
        address_text = text.substr(1, bracket - 1);
        port_text = text.substr(bracket + 1);
    } else {
        // Without brackets the last group of an IPv6 address could pass for a port.
        if (parse_address(text)) return error::missing_port;
        const std::size_t colon = text.find(':');
        if (colon == std::string_view::npos) return error::bad_address;
        address_text = text.substr(0, colon);
        port_text = text.substr(colon);
    }
    const auto address = parse_address(address_text);
    if (!address) return address.error();
    if (!port_text.starts_with(':')) return error::missing_port;
    const auto port = parse_port(port_text.substr(1));
    if (!port) return port.error();
    return endpoint{*address, *port};
}

result<std::uint16_t> parse_port(std::string_view text) noexcept
{
    const auto port = parse_decimal(text, 65535);
    if (!port) return error::bad_port;
    return static_cast<std::uint16_t>(*port);
}

std::string to_text(const ip_address& address)
{
    std::string text;
    append_address(text, address);
    return text;
}

std::string to_text(const endpoint& where)
{
    std::string text;
    text.reserve(std::string_view{"[255.255.255.255]:65535"}.size());
    text += '[';
    append_address(text, where.address);
    text += "]:";
    append_decimal(text, where.port);
    return text;
}

std::string to_text(const network& net)
{
    return fmt::format("{}/{}", to_text(net.address), net.prefix_length);
}

} // namespace fendmail

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/proxy/header_reader.hpp"

#include "fendmail/core/assert.hpp"

#include <algorithm>
#include <span>

namespace fendmail::proxy {

namespace {

constexpr std::string_view line_start = "PROXY ";
constexpr std::string_view signature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t fixed_octets = 16;
constexpr std::uint8_t version_2 = 2;
constexpr unsigned unspecified_family = 0; // the high four bits
constexpr std::uint8_t tcp_over_ipv4 = 0x11;
constexpr std::uint8_t tcp_over_ipv6 = 0x21;
constexpr std::size_t v4_octets = 4;
constexpr std::size_t v6_octets = 16;
constexpr std::size_t port_octets = 2;
constexpr std::uint8_t checksum_type = 0x03;
constexpr std::size_t checksum_octets = 4;

constexpr std::size_t addresses_octets(std::size_t address) noexcept
{
    return 2 * (address + port_octets);
}

std::uint8_t to_octet(char c) noexcept
{
    return static_cast<std::uint8_t>(c);
}

std::uint16_t to_number(char high, char low) noexcept
{
    return static_cast<std::uint16_t>(to_octet(high) << 8 | to_octet(low));
}

/// Cuts the next word off, up to a space or the end. Two spaces in a row make an empty word.
std::string_view next_word(std::string_view& rest) noexcept
{
    const auto end = std::min(rest.find(' '), rest.size());
    const auto word = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return word;
}

/// What stands behind "PROXY ", without the end of the line.
result<origin> parse_line(std::string_view rest) noexcept
{
    const auto family = next_word(rest);
    const bool v6 = family == "TCP6";
    if (!v6 && family != "TCP4") return error::bad_proxy_header;
    if (std::count(rest.begin(), rest.end(), ' ') != 3) return error::bad_proxy_header;

    origin found;
    for (endpoint* const each : {&found.client, &found.local}) {
        const auto text = next_word(rest);
        const auto address = parse_address(text);
        // By its text, since "::ffff:192.0.2.1" is an IPv4 address by now.
        if (!address || (text.find(':') != std::string_view::npos) != v6)
            return error::bad_proxy_address;
        each->address = *address;
    }
    for (endpoint* const each : {&found.client, &found.local}) {
        const auto port = parse_port(next_word(rest));
        if (!port) return error::bad_proxy_port;
        each->port = *port;
    }
    return found;
}

template <std::size_t Size>
std::array<std::uint8_t, Size> to_array(std::string_view octets) noexcept
{
    std::array<std::uint8_t, Size> out{};
    std::transform(octets.begin(), octets.begin() + Size, out.begin(), to_octet);
    return out;
}

ip_address to_address(std::string_view octets) noexcept
{
    return octets.size() == v4_octets ? ip_address::v4(to_array<v4_octets>(octets))
                                      : ip_address::v6(to_array<v6_octets>(octets));
}

} // namespace

std::string_view to_string(progress p) noexcept
{
    switch (p) {
    case progress::needs_more: return "needs_more";
    case progress::complete: return "complete";
    case progress::failed: return "failed";
    }
    return "unknown progress";
}

header_reader::fed header_reader::feed(std::string_view octets) noexcept
{
    std::size_t taken = 0;
    while (progress_ == progress::needs_more && taken < octets.size())
        take(octets[taken++]);
    return {taken, progress_};
}

std::string_view header_reader::text() const noexcept
{
    return {head_.data(), std::min(octets_, head_.size())};
}

const std::optional<origin>& header_reader::origin() const noexcept
{
    FENDMAIL_ASSERT(progress_ == progress::complete);
    return origin_;
}

error header_reader::fault() const noexcept
{
    FENDMAIL_ASSERT(progress_ == progress::failed);
    return fault_;
}

void header_reader::take(char octet) noexcept
{
    if (octets_ < head_.size()) head_[octets_] = octet;
    ++octets_;
    switch (part_) {
    case part::start:
        if (octet == line_start.front()) {
            part_ = part::line;
        } else if (octet == signature.front()) {
            part_ = part::fixed;
            crc_.process_byte(to_octet(octet));
        } else {
            fail(error::bad_proxy_header);
        }
        return;
    case part::line: return take_of_line(octet);
    case part::fixed: crc_.process_byte(to_octet(octet)); return take_of_fixed(octet);
    case part::addresses:
        crc_.process_byte(to_octet(octet));
        --rest_;
        return take_of_addresses();
    case part::tlvs: --rest_; return take_of_tlvs(to_octet(octet));
    case part::skipped:
        if (--rest_ == 0) finish();
        return;
    }
}

void header_reader::take_of_line(char octet) noexcept
{
    if (octets_ <= line_start.size()) {
        if (octet != line_start[octets_ - 1]) fail(error::bad_proxy_header);
        return;
    }
    if (octet != '\n') {
        if (octets_ == head_.size()) fail(error::proxy_too_long);
        return;
    }
    auto line = text().substr(line_start.size());
    line.remove_suffix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) {
        is_unknown_ = true;
        return finish();
    }
    const auto parsed = parse_line(line);
    if (!parsed) return fail(parsed.error());
    origin_ = *parsed;
    finish();
}

void header_reader::take_of_fixed(char octet) noexcept
{
    if (octets_ <= signature.size()) {
        if (octet != signature[octets_ - 1]) fail(error::bad_proxy_header);
        return;
    }
    if (octets_ == signature.size() + 1) {
        const auto command = to_octet(octet) & 0x0f;
        if (to_octet(octet) >> 4 != version_2 || command > 1) fail(error::bad_proxy_header);
        return;
    }
    if (octets_ == fixed_octets) begin_rest();
}

/// The fixed part is there: version and command, family, length.
void header_reader::begin_rest() noexcept
{
    const bool is_local = (to_octet(head_[12]) & 0x0f) == 0;
    const auto family = to_octet(head_[13]);
    rest_ = to_number(head_[14], head_[15]);
    if (fixed_octets + rest_ > limits::proxy_v2_octets) return fail(error::proxy_too_long);
    is_unknown_ = !is_local && family >> 4 == unspecified_family;
    if (is_local || is_unknown_) {
        // Whatever else such a header says is to be ignored, its family too: so there is no
        // telling where its TLVs would begin.
        part_ = part::skipped;
        if (rest_ == 0) finish();
        return;
    }
    if (family != tcp_over_ipv4 && family != tcp_over_ipv6) return fail(error::unsupported_proxy);
    address_octets_ = addresses_octets(family == tcp_over_ipv4 ? v4_octets : v6_octets);
    if (rest_ < address_octets_) return fail(error::bad_proxy_length);
    part_ = part::addresses;
}

void header_reader::take_of_addresses() noexcept
{
    if (octets_ < fixed_octets + address_octets_) return;
    const auto octets = text().substr(fixed_octets);
    const auto size = address_octets_ / 2 - port_octets;
    const auto ports = octets.substr(2 * size);
    origin_ = proxy::origin{{to_address(octets.substr(0, size)), to_number(ports[0], ports[1])},
                            {to_address(octets.substr(size, size)), to_number(ports[2], ports[3])}};
    part_ = part::tlvs;
    if (rest_ == 0) end_rest();
}

void header_reader::take_of_tlvs(std::uint8_t octet) noexcept
{
    const bool is_head = tlv_held_ < tlv_.size();
    const bool is_checksum = !is_head && tlv_[0] == checksum_type;
    crc_.process_byte(is_checksum ? 0 : octet);
    if (is_head) {
        tlv_[tlv_held_++] = octet;
        if (tlv_held_ == tlv_.size()) begin_value();
    } else {
        if (is_checksum) *wanted_crc_ = *wanted_crc_ << 8 | octet;
        if (--value_ == 0) tlv_held_ = 0;
    }
    if (progress_ == progress::needs_more && rest_ == 0) end_rest();
}

void header_reader::begin_value() noexcept
{
    value_ = static_cast<std::size_t>(tlv_[1] << 8 | tlv_[2]);
    if (value_ > rest_) return fail(error::bad_proxy_length);
    if (tlv_[0] == checksum_type) {
        // A second one would have a say in what the first has to be.
        if (value_ != checksum_octets || wanted_crc_) return fail(error::bad_proxy_length);
        wanted_crc_ = 0;
    }
    if (value_ == 0) tlv_held_ = 0;
}

void header_reader::end_rest() noexcept
{
    if (tlv_held_ != 0) return fail(error::bad_proxy_length);
    if (wanted_crc_ && *wanted_crc_ != crc_.checksum()) return fail(error::bad_proxy_crc);
    finish();
}

void header_reader::finish() noexcept
{
    progress_ = progress::complete;
}

void header_reader::fail(error why) noexcept
{
    progress_ = progress::failed;
    fault_ = why;
    origin_.reset();
}

} // namespace fendmail::proxy

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/ip/address_v4.hpp>
#include <charconv>
#include <cstdint>
#include <fmt/format.h>
#include <stdexcept>
#include <string>

/// address:port of a command line.
/// Errors: throws std::runtime_error with a sentence.
namespace fendmail::bench {

/// @tparam Endpoint of Asio's TCP or UDP
template <class Endpoint>
[[nodiscard]] Endpoint parse_endpoint(const std::string& text)
{
    const auto colon = text.rfind(':');
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address_v4(text.substr(0, colon), error);
    std::uint16_t port = 0;
    const char* end = text.data() + text.size();
    const char* digits = colon == std::string::npos ? end : text.data() + colon + 1;
    const auto parsed = std::from_chars(digits, end, port);
    if (error || parsed.ec != std::errc{} || parsed.ptr != end || port == 0)
        throw std::runtime_error{fmt::format("'{}': wanted IPv4 address:port", text)};
    return {address, port};
}

} // namespace fendmail::bench

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/io/awaiting.hpp"

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The demo's block list: a DNS server that knows one zone and lists a few addresses.
///
/// Source: RFC 1035 §4.1 (messages), RFC 5782 §2.1 (queries), RFC 2308 §3 (negative answers).
/// Memory: one message.
/// Errors: what is not a plain question is not answered.
/// Threads: the demo's own.
namespace fendmail::app {

class dns_responder {
public:
    /// @param zone lower case
    dns_responder(boost::asio::io_context& context, std::string zone,
                  std::vector<ip_address> listed);
    [[nodiscard]] std::uint16_t port() const;
    void start();

    /// The answer to one message, or nothing when it is not a question.
    [[nodiscard]] std::optional<std::vector<std::uint8_t>> answer(const std::uint8_t* message,
                                                                  std::size_t octets) const;

private:
    io::awaitable<void> serve();

    boost::asio::basic_datagram_socket<boost::asio::ip::udp, io::executor> socket_;
    std::string zone_;
    std::vector<std::string> listed_; ///< whole query names
};

} // namespace fendmail::app

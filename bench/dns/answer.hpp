// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

/// What a blocklist answers. Pure.
///
/// Source: RFC 1035 §4.1 (messages), RFC 5782 §2.1 (names) and §5 (127.0.0.2 is always listed),
/// RFC 2308 §3 (the SOA of a negative answer).
/// Units: IPv4 addresses in host order, TTLs in seconds.
/// Errors: what is no query for one name is not answered.
/// Threads: functions of their arguments.
namespace fendmail::dns {

/// Clients that all lists list.
struct network {
    std::uint32_t address = 0;
    unsigned prefix_length = 32;
};

/// "127.128.0.0/10"
[[nodiscard]] std::optional<network> parse_network(std::string_view text);

/// The answer to a query about any list: names of whatever zone are the same to us.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> answer(std::span<const std::uint8_t> query,
                                                              const network& listed);

} // namespace fendmail::dns

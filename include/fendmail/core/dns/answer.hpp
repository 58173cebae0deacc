// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What a resolver said about the records of a name: the same for lists, names of clients, SPF
/// records and hosts.
///
/// Source: RFC 1035 §4.1, RFC 2308 §5 (TTL of a negative answer).
/// Units: TTLs in seconds.
/// Memory: at most `limits::dnsbl_addresses` addresses of one answer; texts are bounded by the
/// message, 64 KiB.
/// Errors: a failure is an answer like others.
/// Threads: values only.
namespace fendmail::dns {

enum class outcome : std::uint8_t {
    found,     ///< there is at least one record
    not_found, ///< NXDOMAIN or no record of this type
    failed,    ///< SERVFAIL, REFUSED, timeout, what cannot be read, …: nothing is known
};
[[nodiscard]] std::string_view to_string(outcome what) noexcept;

struct answer {
    outcome what = outcome::failed;
    std::vector<ip_address> addresses{}; ///< A; AAAA, where IPv4-mapped ones are folded
    std::vector<std::string> texts{};    ///< TXT: the strings of each record joined; MX, PTR: hosts
    bool is_cut = false;                 ///< there were more addresses
    /// Smallest of the records; of a negative answer from its SOA. None = the answer did not say.
    std::optional<seconds> ttl{};
    /// Of a failure: "SERVFAIL", "REFUSED", "timeout", "no answer from any server", "malformed
    /// answer", …; static text.
    std::string_view reason{};
    /// Some resolver answered, whatever it said.
    bool reached = false;
    /// The question was sent. If not, this says nothing about the server of the name.
    bool asked = true;
    std::uint8_t tries = 1; ///< datagrams that it took
    milliseconds took{0};   ///< from the question until the answer, with all waiting
};

} // namespace fendmail::dns

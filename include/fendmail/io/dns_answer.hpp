// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/time.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// What a resolver said about the records of a name.
///
/// Source: RFC 1035 §4.1 (messages), §3.3.9, §3.3.12 and §3.3.14 (MX, PTR, TXT), RFC 3596 §2.2
/// (AAAA), RFC 2308 §5 (TTL of a negative answer), RFC 2181 §8 (TTLs with the top bit set are
/// zero). Units: TTLs in seconds. Memory: at most `limits::dnsbl_addresses` addresses of one
/// answer; further ones are dropped. Texts are bounded by the message, 64 KiB. Errors: an answer
/// that cannot be read is a failed one with "malformed answer" as its reason. Threads: values only.
namespace fendmail::io {

enum class dns_type : std::uint8_t { a, aaaa, mx, ptr, txt };
[[nodiscard]] std::string_view to_string(dns_type type) noexcept;

struct dns_answer {
    enum class outcome : std::uint8_t {
        found,     ///< `addresses` or `texts` holds at least one
        not_found, ///< NXDOMAIN or no record of this type
        failed,    ///< nothing is known, `reason` says why
    };
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
    /// The question was sent. If not, this says nothing about whom it was about.
    bool asked = true;
    std::uint8_t tries = 1; ///< datagrams that it took
};

[[nodiscard]] std::string_view to_string(dns_answer::outcome what) noexcept;

/// Reads the answer to a query for the records of `asked`. CNAMEs are followed only in that all
/// records of the type in the answer section count: the resolver has put them there for this
/// question.
[[nodiscard]] dns_answer parse_dns_answer(std::span<const std::uint8_t> message,
                                          std::string_view asked, dns_type type = dns_type::a);

} // namespace fendmail::io

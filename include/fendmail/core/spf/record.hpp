// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// An SPF record as a value.
///
/// Source: RFC 7208 §4.5 (which TXT record it is), §4.6 and §12 (grammar), §5 and §6 (meaning).
/// Units: prefix lengths in bits.
/// Memory: in proportion to the text.
/// Errors: `record_fault`; by RFC 7208 §4.6 one syntax error makes the whole record one.
/// Threads: values only.
namespace fendmail::spf {

enum class qualifier : std::uint8_t { pass, fail, soft_fail, neutral };
enum class mechanism : std::uint8_t { all, include, a, mx, ptr, ip4, ip6, exists };
[[nodiscard]] std::string_view to_string(qualifier q) noexcept;
[[nodiscard]] std::string_view to_string(mechanism m) noexcept;

/// Whether the term makes a verifier ask DNS, and so counts against RFC 7208 §4.6.4.
[[nodiscard]] bool asks_dns(mechanism m) noexcept;

/// A domain-spec.
struct target {
    std::string name;       ///< canonical; "" = the domain whose record this is
    bool has_macro = false; ///< depends on the mail; `name` is as written then
    friend bool operator==(const target&, const target&) = default;
};

struct directive {
    spf::qualifier qualifier = spf::qualifier::pass;
    spf::mechanism mechanism = spf::mechanism::all;
    spf::target target{};
    /// Of ip4 and ip6. None: an IPv4-mapped "ip6", which matches no client.
    std::optional<network> net{};
    std::uint8_t prefix_v4 = 32; ///< of a and mx
    std::uint8_t prefix_v6 = 128;
    std::string text{}; ///< as written, for reports
};

struct record {
    std::vector<directive> directives{};
    std::optional<target> redirect{};
};

/// Why a record is none, and the term at which that shows.
struct record_fault {
    error why = error::bad_spf_term;
    std::string term{};
};

using parsed_record = boost::system::result<record, record_fault>;

/// Whether a TXT record is an SPF record of this version, with or without faults.
[[nodiscard]] bool is_record(std::string_view text) noexcept;

/// @pre is_record(text)
[[nodiscard]] parsed_record parse_record(std::string_view text);

} // namespace fendmail::spf

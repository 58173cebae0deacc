// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/system/result.hpp>

#include <cstdint>
#include <string_view>

/// What a parser of the core returns: a value, or the reason why there is none.
///
/// Errors: one closed list for the whole core, each with one message (`message`) that says what
/// to write instead. A fault of a client is evidence and therefore a value, never one of these.
/// Threads: values only.
namespace fendmail {

enum class error : std::uint8_t {
    bad_address,       ///< neither an IPv4 nor an IPv6 address
    bad_port,          ///< not a number from 0 to 65535
    missing_port,      ///< an endpoint without ":port"
    bad_prefix_length, ///< not a number within the family's width
    host_bits_set,     ///< "192.0.2.1/24": bits right of the prefix are not zero
    bad_duration,      ///< not "6s", "10m", "1d"
    bad_size,          ///< not "64KiB", "10MB"
    bad_budget,        ///< not "20/10s"
    bad_access_rule,   ///< not "permit NETWORK" or "reject NETWORK"
    bad_origin,        ///< not "country:XX" or "asn:N"
    empty_zone,        ///< a DNSBL site without a domain
    bad_zone,          ///< not a host name (RFC 1123 §2.1)
    bad_weight,        ///< "*weight" is not a number from -1000 to 1000, or is 0
    bad_filter,        ///< not "d.d.d.d" with numbers or "[a..b;c]"
    bad_pattern,       ///< not a regular expression (RE2 syntax)
    bad_xtext,         ///< not xtext (RFC 3461 §4)
    bad_reply,         ///< not an SMTP reply (RFC 5321 §4.2)
    line_too_long,     ///< longer than the limit that the source names
    truncated,         ///< ends before it is complete
    bad_proxy_header,  ///< not a PROXY protocol header
    unsupported_proxy, ///< PROXY header that names no TCP client: UDP, UNIX
    proxy_too_long,    ///< PROXY header longer than limits::proxy_v1_octets or proxy_v2_octets
    bad_proxy_address, ///< PROXY header with an address that is not of its family
    bad_proxy_port,    ///< PROXY header with a port that is not a number from 0 to 65535
    bad_proxy_length,  ///< PROXY header whose addresses and TLVs do not add up to its length
    bad_proxy_crc,     ///< PROXY header that its CRC32c says was changed on its way
    bad_record,        ///< a stored client record that cannot be decoded
    bad_dns_message,   ///< a DNS message that cannot be decoded
    bad_domain,        ///< not a domain name that DNS can be asked about
    bad_interface,     ///< a link-local address without "%interface", or another one with it
    bad_host,          ///< not a host name (RFC 1123 §2.1)
    bad_resolver,      ///< neither a name server nor a host name
    unusable_port,     ///< 0, to which nothing can be sent
    bad_spf_term,      ///< a term of an SPF record that RFC 7208 §12 does not know
    bad_spf_macro,     ///< "%" without a macro behind it (RFC 7208 §7)
    repeated_spf_term, ///< "redirect" or "exp" twice (RFC 7208 §6)
};

/// Says what is wrong and what to write instead. Never empty; no trailing full stop.
[[nodiscard]] std::string_view message(error e) noexcept;

template <class T>
using result = boost::system::result<T, error>;

/// Lets `result<T>::value()` compile; reaching it is a bug of ours, so it throws.
[[noreturn]] void throw_exception_from_error(error e, const boost::source_location& where);

} // namespace fendmail

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

/// Every fixed bound of fendmail with its source. Limits an admin may change are in the
/// configuration; these are the ones he may not.
///
/// Units: octets where a name says so, otherwise counts.
namespace fendmail::limits {

/// RFC 5321 §4.5.3.1.5: a reply line is at most 512 octets, <CRLF> included.
inline constexpr std::size_t reply_line_octets = 512;
/// RFC 5321 §4.5.3.1.5 gives no number of lines; a backend's EHLO answer has about 20.
inline constexpr std::size_t reply_lines = 128;
/// RFC 5321 §4.5.3.1.4: 512 octets must be accepted; 2048 is what Postfix accepts. The lower
/// bound of `dialog.line_limit`.
inline constexpr std::size_t line_limit_min_octets = 512;
inline constexpr std::size_t line_limit_max_octets = 65536;

/// What is relayed to a backend in a guarded session (smtp::data_guard). A command line has at most
/// 512 octets (RFC 5321 §4.5.3.1.4), one of AUTH 12288 (RFC 4954 §4); the bound must stay below
/// 16384, because Exim takes what stands behind those for the next command. A chunk has less than
/// 2^31, because some backends read its size into 32 bits.
inline constexpr std::size_t relayed_line_octets = 12288 + 512;
inline constexpr std::uint64_t relayed_chunk_octets = 0x7fffffff;
/// A reply that is only forwarded, all its lines together.
inline constexpr std::size_t relayed_reply_octets = reply_line_octets * reply_lines;

/// RFC 1035 §2.3.4.
inline constexpr std::size_t dns_name_octets = 253;
inline constexpr std::size_t dns_label_octets = 63;
/// A records of one DNSBL answer that are looked at; the rest is ignored. A UDP answer of 512
/// octets holds about 28, lists give at most a dozen.
inline constexpr std::size_t dnsbl_addresses = 64;
/// The lists that made a score, as they are told: each takes about 40.
inline constexpr std::size_t listings_text_octets = 1000;
/// Distinct zones (queries per client); more would let one client cost too many packets.
inline constexpr std::size_t dnsbl_zones = 64;
/// Numbers and ranges in one octet of a reply filter.
inline constexpr std::size_t filter_ranges = 32;
/// Finished lookups that one worker keeps for their TTL.
inline constexpr std::size_t dnsbl_finished_lookups = 20000;
/// RFC 7208 §5.5: names of one client that are looked at.
inline constexpr std::size_t client_names = 10;

/// RFC 7208 §4.6.4: terms of an SPF record, and of all it includes, that make one ask DNS; of these
/// the ones that found nothing ("void lookups"); names of one "mx".
inline constexpr unsigned spf_lookups = 10;
inline constexpr unsigned spf_void_lookups = 2;
inline constexpr std::size_t spf_mx_names = 10;
/// Networks of one known sender. The largest ones have some hundred.
inline constexpr std::size_t spf_networks = 20000;
/// Prefix lengths: what is wider than these is no network of a sender but a mistake. All networks
/// of one sender together may be as large as two of the widest.
inline constexpr unsigned spf_widest_v4 = 8;
inline constexpr unsigned spf_widest_v6 = 16;
/// What is told about one SPF record.
inline constexpr std::size_t spf_notes = 20;
/// Known senders: each costs some dozen queries at every refresh.
inline constexpr std::size_t known_senders = 100;

/// Octets of a pregreeting client that are looked at (postscreen: 1023), and of client text in
/// a log line (postscreen: 100).
inline constexpr std::size_t pregreet_octets = 1023;
inline constexpr std::size_t log_text_octets = 100;

/// Lines of an access file, and octets of one of its lines.
inline constexpr std::size_t access_file_lines = 5'000'000;
inline constexpr std::size_t access_line_octets = 1024;

/// Of a feed: entries, octets of a line and of the file; feeds. The largest public lists of
/// addresses have some hundred thousand entries, databases of cities some hundred megabytes.
inline constexpr std::size_t feed_entries = 5'000'000;
inline constexpr std::size_t feed_line_octets = 1024;
inline constexpr std::size_t feed_file_octets = std::size_t{512} * 1024 * 1024;
inline constexpr std::size_t feeds = 32;
/// Prefix lengths: what is wider is no entry of a list but a mistake.
inline constexpr unsigned feed_widest_v4 = 8;
inline constexpr unsigned feed_widest_v6 = 16;

/// Longest PROXY header that Postfix takes (its peek buffer), source: postscreen behaviour.
inline constexpr std::size_t proxy_header_octets = 536;
/// PROXY protocol v1: "at most 107 octets", specification §2.1.
inline constexpr std::size_t proxy_v1_octets = 107;
/// PROXY protocol v2 that we read. Its length field goes up to 65551; the addresses are 52, and
/// what balancers add (names, ids, a client certificate's subject) stays within some hundreds.
inline constexpr std::size_t proxy_v2_octets = 4096;

/// How long a client socket on its way to a `pass` service may stay in transit, in seconds
/// (Postfix: PASS_ACCEPT_TMOUT).
inline constexpr int pass_service_seconds = 100;

/// sun_path of sockaddr_un.
inline constexpr std::size_t unix_path_octets = 107;

} // namespace fendmail::limits

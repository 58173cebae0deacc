// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/dns/answer.hpp"

#include "fendmail/core/limits.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <utility>

#include <arpa/nameser.h>
#include <resolv.h>
#include <strings.h>

namespace fendmail::io {
namespace {

constexpr std::string_view malformed = "malformed answer";

dns::answer failure(std::string_view reason)
{
    dns::answer answer;
    answer.reason = reason;
    answer.reached = true;
    return answer;
}

std::string_view name_of(int rcode) noexcept
{
    switch (rcode) {
    case ns_r_formerr: return "FORMERR";
    case ns_r_servfail: return "SERVFAIL";
    case ns_r_notimpl: return "NOTIMP";
    case ns_r_refused: return "REFUSED";
    default: return "unexpected response code";
    }
}

seconds ttl_of(std::uint32_t ttl) noexcept
{
    return seconds{ttl > 0x7FFF'FFFFU ? 0 : ttl};
}

std::optional<seconds> smaller(std::optional<seconds> a, seconds b) noexcept
{
    return a ? std::min(*a, b) : b;
}

/// One question, and it is ours. c-ares has compared it too, but only to find the query.
bool is_answer_to(ns_msg& message, std::string_view asked, dns::record_type type)
{
    ns_rr question{};
    if (ns_msg_getflag(message, ns_f_qr) != 1) return false;
    if (ns_msg_getflag(message, ns_f_opcode) != ns_o_query) return false;
    if (ns_msg_count(message, ns_s_qd) != 1) return false;
    if (ns_parserr(&message, ns_s_qd, 0, &question) != 0) return false;
    if (ns_rr_type(question) != static_cast<int>(type) || ns_rr_class(question) != ns_c_in)
        return false;
    return strcasecmp(ns_rr_name(question), std::string{asked}.c_str()) == 0;
}

template <std::size_t Octets>
std::optional<std::array<std::uint8_t, Octets>> octets_of(const ns_rr& record) noexcept
{
    if (ns_rr_rdlen(record) != Octets) return std::nullopt;
    std::array<std::uint8_t, Octets> octets{};
    std::copy_n(ns_rr_rdata(record), Octets, octets.begin());
    return octets;
}

bool add_address(dns::answer& answer, const std::optional<ip_address>& address)
{
    if (!address) return false;
    answer.is_cut = answer.addresses.size() == limits::dnsbl_addresses;
    if (!answer.is_cut) answer.addresses.push_back(*address);
    return true;
}

std::optional<ip_address> v4_of(const ns_rr& record) noexcept
{
    const auto octets = octets_of<4>(record);
    return octets ? std::optional{ip_address::v4(*octets)} : std::nullopt;
}

std::optional<ip_address> v6_of(const ns_rr& record) noexcept
{
    const auto octets = octets_of<16>(record);
    return octets ? std::optional{ip_address::v6(*octets)} : std::nullopt;
}

/// @param skipped octets before the name
bool add_host(ns_msg& message, const ns_rr& record, int skipped, dns::answer& answer)
{
    if (ns_rr_rdlen(record) <= skipped) return false;
    const std::uint8_t* const at = ns_rr_rdata(record) + skipped;
    std::array<char, NS_MAXDNAME> name{};
    const int octets =
        dn_expand(ns_msg_base(message), ns_msg_end(message), at, name.data(), name.size());
    if (octets < 0 || octets != ns_rr_rdlen(record) - skipped) return false;
    answer.texts.emplace_back(name.data());
    return true;
}

/// RFC 7208 §3.3: the strings of one record belong together, with nothing between them.
bool add_text(const ns_rr& record, dns::answer& answer)
{
    const std::uint8_t* at = ns_rr_rdata(record);
    const std::uint8_t* const end = at + ns_rr_rdlen(record);
    std::string text;
    while (at != end) {
        const std::ptrdiff_t size = *at++;
        if (size > end - at) return false;
        text.append(at, at + size);
        at += size;
    }
    answer.texts.push_back(std::move(text));
    return true;
}

bool add_record(ns_msg& message, const ns_rr& record, dns::record_type type, dns::answer& answer)
{
    switch (type) {
    case dns::record_type::a: return add_address(answer, v4_of(record));
    case dns::record_type::aaaa: return add_address(answer, v6_of(record));
    case dns::record_type::mx:
        return add_host(message, record, NS_INT16SZ, answer); // the preference
    case dns::record_type::ptr: return add_host(message, record, 0, answer);
    case dns::record_type::txt: return add_text(record, answer);
    }
    return false;
}

/// Adds the records of the answer section; false when it cannot be read.
bool read_records(ns_msg& message, dns::record_type type, dns::answer& answer)
{
    for (int i = 0; i < ns_msg_count(message, ns_s_an); ++i) {
        ns_rr record{};
        if (ns_parserr(&message, ns_s_an, i, &record) != 0) return false;
        if (ns_rr_type(record) != static_cast<int>(type) || ns_rr_class(record) != ns_c_in)
            continue;
        if (!add_record(message, record, type, answer)) return false;
        answer.ttl = smaller(answer.ttl, ttl_of(ns_rr_ttl(record)));
    }
    return true;
}

/// The last field of the SOA; none when it cannot be read.
std::optional<seconds> minimum_of(const ns_msg& message, const ns_rr& soa) noexcept
{
    constexpr int numbers_octets = 5 * NS_INT32SZ; // SERIAL, REFRESH, RETRY, EXPIRE, MINIMUM
    const std::uint8_t* at = ns_rr_rdata(soa);
    const std::uint8_t* const end = at + ns_rr_rdlen(soa);
    for (int name = 0; name < 2; ++name) { // MNAME, RNAME
        const int octets = dn_skipname(at, ns_msg_end(message));
        if (octets < 0 || octets > end - at) return std::nullopt;
        at += octets;
    }
    if (end - at != numbers_octets) return std::nullopt;
    return ttl_of(static_cast<std::uint32_t>(ns_get32(at + numbers_octets - NS_INT32SZ)));
}

/// Sets the TTL from the SOA of the authority section; false when that cannot be read.
bool read_negative_ttl(ns_msg& message, dns::answer& answer)
{
    for (int i = 0; i < ns_msg_count(message, ns_s_ns); ++i) {
        ns_rr record{};
        if (ns_parserr(&message, ns_s_ns, i, &record) != 0) return false;
        if (ns_rr_type(record) != ns_t_soa || ns_rr_class(record) != ns_c_in) continue;
        const auto minimum = minimum_of(message, record);
        if (!minimum) return false;
        // RFC 2308 §5: the TTL of a negative answer is the smaller of the two.
        answer.ttl = smaller(answer.ttl, std::min(ttl_of(ns_rr_ttl(record)), *minimum));
    }
    return true;
}

} // namespace

dns::answer parse_dns_answer(std::span<const std::uint8_t> message, std::string_view asked,
                             dns::record_type type)
{
    ns_msg parsed{};
    if (ns_initparse(message.data(), static_cast<int>(message.size()), &parsed) != 0)
        return failure(malformed);
    const int rcode = ns_msg_getflag(parsed, ns_f_rcode);
    // A server that cannot read or will not take a question need not repeat it.
    if (rcode != ns_r_noerror && rcode != ns_r_nxdomain) return failure(name_of(rcode));
    if (!is_answer_to(parsed, asked, type)) return failure(malformed);

    dns::answer answer;
    answer.reached = true;
    if (rcode == ns_r_noerror && !read_records(parsed, type, answer)) return failure(malformed);
    const bool is_empty = answer.addresses.empty() && answer.texts.empty();
    answer.what = is_empty ? dns::outcome::not_found : dns::outcome::found;
    if (is_empty && !read_negative_ttl(parsed, answer)) return failure(malformed);
    return answer;
}

} // namespace fendmail::io

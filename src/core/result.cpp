// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/result.hpp"

#include <stdexcept>
#include <string>

namespace fendmail {

std::string_view message(error e) noexcept
{
    switch (e) {
    case error::bad_address: return "not an IP address; write 192.0.2.1 or 2001:db8::1";
    case error::bad_port: return "not a port; write a number from 0 to 65535";
    case error::missing_port: return "no port; write address:port, IPv6 as [2001:db8::1]:port";
    case error::bad_prefix_length:
        return "not a prefix length; write /0 to /32 for IPv4, /0 to /128 for IPv6";
    case error::host_bits_set:
        return "the network has bits set to the right of its prefix; write its first address";
    case error::bad_duration:
        return "not a duration; write a whole number and s, m, h, d or w, such as \"6s\"";
    case error::bad_size: return "not a size; write a whole number and a unit, such as \"64KiB\"";
    case error::bad_budget:
        return "not a count in a time; write \"20/10s\", at most 1,000,000 a second, or \"\" for "
               "no "
               "limit";
    case error::bad_access_rule:
        return "not an access rule; write \"permit NETWORK\", \"reject NETWORK\" or "
               "\"permit file:/path\"";
    case error::bad_origin:
        return "not a country or an AS; write \"country:\" and two letters, or \"asn:\" and a "
               "number";
    case error::empty_zone: return "no DNSBL zone; write zone[=filter][*weight]";
    case error::bad_zone: return "not a DNS zone; write a host name such as zen.spamhaus.org";
    case error::bad_weight:
        return "not a weight; write a whole number from -1000 to 1000 other than 0 behind \"*\"";
    case error::bad_filter:
        return "not a reply filter; write four numbers or [a..b;c] groups, such as "
               "127.0.0.[2..11]";
    case error::bad_pattern:
        return "not a regular expression that RE2 understands; write /pattern/, such as "
               "/^[^A-Z]/";
    case error::bad_xtext: return "not xtext";
    case error::bad_reply: return "not an SMTP reply";
    case error::line_too_long: return "line too long";
    case error::truncated: return "ends before it is complete";
    case error::bad_proxy_header: return "not a PROXY protocol header";
    case error::unsupported_proxy: return "a PROXY header that names no TCP client (UDP or UNIX)";
    case error::proxy_too_long: return "a PROXY header that is too long";
    case error::bad_proxy_address:
        return "a PROXY header with an address that is not one of its family";
    case error::bad_proxy_port: return "a PROXY header with a bad port";
    case error::bad_proxy_length: return "a PROXY header whose parts do not add up to its length";
    case error::bad_proxy_crc: return "a PROXY header with a wrong checksum";
    case error::bad_record: return "not a client record of this version";
    case error::bad_dns_message: return "not a DNS message";
    case error::bad_domain: return "not a domain; write a name such as gmail.com";
    case error::bad_interface:
        return "a link-local address needs its interface behind \"%\", and no other has one; write "
               "fe80::1%eth0 or [fe80::1%eth0]:53";
    case error::bad_host: return "neither an address nor a host name; write mta.example.org";
    case error::bad_resolver:
        return "not a resolver; write an address, address:port, [v6]:port, or a name in place of "
               "the address";
    case error::unusable_port: return "port 0 cannot be asked";
    case error::bad_spf_term: return "not a term of SPF";
    case error::bad_spf_macro: return "not a macro of SPF";
    case error::repeated_spf_term: return "\"redirect\" or \"exp\" stands there twice";
    }
    return "unknown error";
}

void throw_exception_from_error(error e, const boost::source_location& where)
{
    throw std::logic_error(std::string(message(e)) + " (" + where.file_name() + ":" +
                           std::to_string(where.line()) + ")");
}

} // namespace fendmail

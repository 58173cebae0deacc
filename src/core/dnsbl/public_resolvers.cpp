// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/public_resolvers.hpp"

namespace fendmail::dnsbl {

namespace {

struct owner {
    std::string_view network;
    std::string_view name;
};

/// Their networks, where nothing else answers DNS, so that siblings ("with filtering", "DNS64") are
/// found as well.
constexpr owner owners[] = {
    {"8.8.8.0/24", "Google"},
    {"8.8.4.0/24", "Google"},
    {"2001:4860:4860::/48", "Google"},
    {"1.1.1.0/24", "Cloudflare"},
    {"1.0.0.0/24", "Cloudflare"},
    {"2606:4700:4700::/48", "Cloudflare"},
    {"9.9.9.0/24", "Quad9"},
    {"149.112.112.0/24", "Quad9"},
    {"2620:fe::/48", "Quad9"},
    {"208.67.220.0/24", "OpenDNS"},
    {"208.67.222.0/24", "OpenDNS"},
    {"2620:119:35::/48", "OpenDNS"},
    {"2620:119:53::/48", "OpenDNS"},
    {"4.2.2.0/29", "Level 3"},
    {"209.244.0.0/29", "Level 3"},
    {"64.6.64.0/24", "Vercara"},
    {"64.6.65.0/24", "Vercara"},
    {"156.154.70.0/24", "Vercara"},
    {"156.154.71.0/24", "Vercara"},
    {"2620:74:1b::/48", "Vercara"},
    {"2620:74:1c::/48", "Vercara"},
    {"8.26.56.0/24", "Comodo"},
    {"8.20.247.0/24", "Comodo"},
    {"94.140.14.0/24", "AdGuard"},
    {"94.140.15.0/24", "AdGuard"},
    {"2a10:50c0::/32", "AdGuard"},
    {"185.228.168.0/24", "CleanBrowsing"},
    {"185.228.169.0/24", "CleanBrowsing"},
    {"2a0d:2a00:1::/48", "CleanBrowsing"},
    {"2a0d:2a00:2::/48", "CleanBrowsing"},
    {"77.88.8.0/24", "Yandex"},
    {"2a02:6b8::feed:0/112", "Yandex"},
    {"185.222.222.0/24", "DNS.SB"},
    {"45.11.45.0/24", "DNS.SB"},
    {"2a09::/64", "DNS.SB"},
    {"2a11::/64", "DNS.SB"},
    {"86.54.11.0/24", "DNS4EU"},
    {"193.110.81.0/24", "dns0.eu"},
    {"185.253.5.0/24", "dns0.eu"},
    {"74.82.42.42", "Hurricane Electric"},
    {"2001:470:20::2", "Hurricane Electric"},
    {"76.76.2.0/24", "Control D"},
    {"76.76.10.0/24", "Control D"},
    {"45.90.28.0/24", "NextDNS"},
    {"45.90.30.0/24", "NextDNS"},
    {"84.200.69.80", "DNS.WATCH"},
    {"84.200.70.40", "DNS.WATCH"},
    {"91.239.100.100", "UncensoredDNS"},
    {"89.233.43.71", "UncensoredDNS"},
    {"223.5.5.0/24", "Alibaba"},
    {"223.6.6.0/24", "Alibaba"},
    {"2400:3200::/32", "Alibaba"},
    {"114.114.114.0/24", "114DNS"},
    {"119.29.29.0/24", "DNSPod"},
    {"101.101.101.101", "TWNIC"},
};

} // namespace

std::string_view public_resolver(const ip_address& address) noexcept
{
    for (const owner& one : owners) {
        const auto of = parse_network(one.network);
        if (of && of->contains(address)) return one.name;
    }
    return {};
}

} // namespace fendmail::dnsbl

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dns/host_files.hpp"

#include "support/catch.hpp"

#include <string>
#include <vector>

using namespace fendmail;

namespace {

std::vector<std::string> texts(const std::vector<ip_address>& all)
{
    std::vector<std::string> out;
    for (const auto& one : all)
        out.push_back(to_text(one));
    return out;
}
using strings = std::vector<std::string>;

} // namespace

TEST_CASE("resolv.conf: servers in their order, with interfaces, whatever stands around them",
          "[dns]")
{
    const auto got = dns::parse_resolv_conf("# made by a program\n"
                                            "nameserver 192.0.2.1\n"
                                            "nameserver\t2001:db8::1   # the other one\r\n"
                                            "nameserver fe80::1%eth0\n"
                                            " nameserver 192.0.2.9\n"
                                            ";nameserver 192.0.2.9\n"
                                            "nameservers 192.0.2.9\n"
                                            "nameserver\n"
                                            "nameserver # nothing\n"
                                            "options edns0 trust-ad");
    CHECK(to_text(got.servers) == "192.0.2.1, 2001:db8::1, fe80::1%eth0");
    CHECK(got.unusable.empty());
    CHECK(to_text(dns::parse_resolv_conf("").servers) == "none");
}

TEST_CASE("resolv.conf: servers that cannot be asked are kept apart, and there is an end to them",
          "[dns]")
{
    const auto got = dns::parse_resolv_conf("nameserver fe80::1\nnameserver dns.test\n"
                                            "nameserver 192.0.2.1\n");
    CHECK(to_text(got.servers) == "192.0.2.1");
    CHECK(got.unusable == strings{"fe80::1", "dns.test"});
    std::string many;
    for (int i = 0; i < 100; ++i)
        many +=
            "nameserver 192.0.2.1\nnameserver x y\nsearch a b c d e f g h i j k l m n o p q r\n";
    const auto cut = dns::parse_resolv_conf(many);
    CHECK(cut.servers.size() == dns::resolv_conf::servers_max);
    CHECK(cut.unusable.size() == dns::resolv_conf::servers_max);
    CHECK(cut.search.size() == dns::resolv_conf::search_max);
}

TEST_CASE("resolv.conf: names are tried with the search list, by their dots", "[dns]")
{
    const auto kubernetes =
        dns::parse_resolv_conf("search mail.svc.cluster.local svc.cluster.local\n"
                               "nameserver 10.96.0.10\noptions ndots:5\n");
    CHECK(dns::candidates_of("mta", kubernetes) ==
          strings{"mta.mail.svc.cluster.local", "mta.svc.cluster.local", "mta"});
    CHECK(dns::candidates_of("mta.mail", kubernetes).front() == "mta.mail.mail.svc.cluster.local");
    CHECK(dns::candidates_of("mta.example.org.", kubernetes) == strings{"mta.example.org"});
    const auto usual = dns::parse_resolv_conf("domain a.test\nsearch b.test.\n");
    CHECK(dns::candidates_of("mta", usual) == strings{"mta.b.test", "mta"});
    CHECK(dns::candidates_of("mta.internal", usual) ==
          strings{"mta.internal", "mta.internal.b.test"});
    CHECK(dns::candidates_of("mta", {}) == strings{"mta"});
    CHECK(dns::parse_resolv_conf("options ndots:x\noptions ndots:99").ndots == 15);
}

TEST_CASE("hosts: all lines of a name count, and localhost needs none", "[dns]")
{
    constexpr const char* file = "127.0.0.1\tlocalhost\n"
                                 "::1 localhost ip6-localhost\n"
                                 "10.0.0.5 mta.internal MTA  # the one in the cellar: other\n"
                                 "#10.0.0.6 mta\n"
                                 "10.0.0.7 x mta\n10.0.0.7 mta\n"
                                 "nonsense mta\n";
    CHECK(texts(dns::find_in_hosts(file, "mta")) == strings{"10.0.0.5", "10.0.0.7"});
    CHECK(texts(dns::find_in_hosts(file, "Mta.Internal.")) == strings{"10.0.0.5"});
    CHECK(texts(dns::find_in_hosts(file, "localhost")) == strings{"127.0.0.1", "::1"});
    CHECK(dns::find_in_hosts(file, "other").empty());
    CHECK(texts(dns::find_in_hosts("", "LocalHost")) == strings{"127.0.0.1", "::1"});
    CHECK(texts(dns::find_in_hosts("", "a.localhost")) == strings{"127.0.0.1", "::1"});
    CHECK(texts(dns::find_in_hosts("10.0.0.1 localhost", "localhost")) == strings{"10.0.0.1"});
    CHECK(dns::find_in_hosts("", "notlocalhost").empty());
}

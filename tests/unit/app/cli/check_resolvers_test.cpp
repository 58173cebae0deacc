// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/cli/check_resolvers.hpp"

#include "support/catch.hpp"
#include "support/servers.hpp"

#include <string>
#include <vector>

using namespace fendmail;
using namespace fendmail::app;

TEST_CASE("check: of name servers that are not here, and of no lists, nothing is said", "[check]")
{
    runtime_config config;
    config.resolvers = test_support::servers({"192.0.2.53", "not-known.invalid"});
    CHECK(lost_questions(config).empty());
    config.dnsbl_sites = dnsbl::make_site_set({*dnsbl::parse_site("a.test")}, {});
    CHECK(lost_questions(config).empty());
}

namespace {

using lines = std::vector<std::string>;

/// @param system the name servers of resolv.conf
lines refusing(const lines& zones, const lines& resolvers, const lines& system = {})
{
    runtime_config config;
    config.resolvers = test_support::servers(resolvers);
    std::vector<dnsbl::site> sites;
    for (const auto& zone : zones)
        sites.push_back(*dnsbl::parse_site(zone));
    config.dnsbl_sites = dnsbl::make_site_set(sites, {});
    io::server_book book;
    for (const auto& one : system)
        book.system.push_back({{*parse_address(one), 53}});
    return refusing_lists(config, book);
}

} // namespace

TEST_CASE("check: a public resolver with a list that refuses it is told, with its siblings",
          "[check]")
{
    for (const char* one :
         {"8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.3", "9.9.9.9", "9.9.9.11", "149.112.112.10",
          "208.67.222.222", "208.67.220.123", "94.140.14.15", "4.2.2.1", "76.76.2.11",
          "2001:4860:4860::8844", "2606:4700:4700::1113", "2620:fe::fe:9", "2620:119:35::35"}) {
        CAPTURE(one);
        const auto said = refusing({"zen.spamhaus.org"}, {one});
        REQUIRE(said.size() == 1);
        CHECK(said[0].find(one) != std::string::npos);
        CHECK(said[0].find("zen.spamhaus.org refuses to answer it") != std::string::npos);
    }
    CHECK(refusing({"zen.spamhaus.org", "list.dnswl.org"}, {"8.8.8.8:53", "1.1.1.1"}).size() == 2);
    CHECK(refusing({"zen.spamhaus.org*2", "b.barracudacentral.org", "list.dnswl.org*-1"},
                   {"8.8.8.8"})[0]
              .find("zen.spamhaus.org, b.barracudacentral.org, list.dnswl.org refuse to") !=
          std::string::npos);
}

TEST_CASE("check: of own resolvers, and of lists that answer all, nothing is said", "[check]")
{
    CHECK(refusing({"zen.spamhaus.org"}, {"127.0.0.1", "192.0.2.53", "8.8.9.8", "::1"}).empty());
    CHECK(refusing({"bl.spamcop.net", "own.example"}, {"8.8.8.8"}).empty());
    // With a key it knows who asks.
    CHECK(refusing({"abcdefghijklmnopqrstuvwxyz.zen.dq.spamhaus.net"}, {"8.8.8.8"}).empty());
    CHECK(refusing({}, {"8.8.8.8"}).empty());
}

TEST_CASE("check: where none is named, the system's resolvers are looked at", "[check]")
{
    const auto said = refusing({"zen.spamhaus.org"}, {}, {"127.0.0.1", "8.8.8.8"});
    REQUIRE(said.size() == 1);
    CHECK(said[0].find("8.8.8.8 (/etc/resolv.conf)") == 0);
    CHECK(refusing({"zen.spamhaus.org"}, {"127.0.0.1"}, {"8.8.8.8"}).empty());
}

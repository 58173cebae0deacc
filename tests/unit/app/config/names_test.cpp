// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/load.hpp"

#include "files.hpp"
#include "support/catch.hpp"
#include "support/servers.hpp"

#include <fmt/format.h>

using namespace fendmail;
using namespace fendmail::app;
using namespace fendmail::app::test_files;
using lines = std::vector<std::string>;

TEST_CASE("config: names stand where addresses do", "[config]")
{
    const auto got = parse("[backend]\naddress = \"MTA.internal:10025\"\n"
                           "[dnsbl]\nsites = [\"a.test\"]\n"
                           "resolvers = [\"localhost\", \"unbound:5353\", \"fe80::1%eth0\"]\n"
                           "zone_resolvers = { \"a.test\" = \"dns.internal\" }\n"
                           "[proxy_protocol]\ntrusted = [\"localhost\"]\n");
    CHECK(lines_of(got).empty());
    REQUIRE(got.value.has_value());
    const auto& config = got.value->runtime;
    REQUIRE(config.backend.host.has_value());
    CHECK(config.backend.host->name == "mta.internal");
    CHECK(config.backend.host->port == 10025);
    CHECK(config.backend.unix_path.empty());
    CHECK(config.resolvers == test_support::servers({"localhost", "unbound:5353", "fe80::1%eth0"}));
    CHECK(config.dnsbl_sites.zones.at(0).resolvers == test_support::servers({"dns.internal"}));
    CHECK(config.proxy_protocol.trusts(ip_address::v4({127, 0, 0, 1})));
    CHECK_FALSE(config.proxy_protocol.trusts(ip_address::v4({127, 0, 0, 2})));
}

TEST_CASE("config: an address is none by mistake", "[config]")
{
    for (const auto* text : {"192.0.2.300:25", "mta.internal", "mta..internal:25", "mta:0", ":25",
                             "192.0.2.1", "2001:db8::1:25:", "mta.internal:smtp"}) {
        CAPTURE(text);
        CHECK_FALSE(parse(fmt::format("[backend]\naddress = \"{}\"\n", text)).value.has_value());
    }
}

TEST_CASE("config: whether private addresses are asked about is each list's own matter", "[config]")
{
    const auto asks = [](std::string_view common, std::string_view own) {
        const auto got = parse(fmt::format("[dnsbl]\nsites = [\"a.test\", \"b.test\"]\n{}\n"
                                           "[dnsbl.list.\"b.test\"]\n{}\n",
                                           common, own));
        REQUIRE(got.value.has_value());
        const auto& zones = got.value->runtime.dnsbl_sites.zones;
        return std::pair{zones.at(0).asks_private, zones.at(1).asks_private};
    };
    CHECK(asks("", "") == std::pair{false, false});
    CHECK(asks("", "private_addresses = \"ask\"") == std::pair{false, true});
    CHECK(asks("private_addresses = \"ask\"", "") == std::pair{true, true});
    CHECK(asks("private_addresses = \"ask\"", "private_addresses = \"skip\"") ==
          std::pair{true, false});
}

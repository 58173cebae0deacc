// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/load.hpp"

#include "files.hpp"
#include "support/catch.hpp"
#include "support/servers.hpp"

#include <fmt/format.h>

using namespace fendmail;
using namespace fendmail::app;
using namespace fendmail::app::test_files;
using namespace std::chrono_literals;
using lines = std::vector<std::string>;
using dnsbl::test_entry;

namespace {

/// [dnsbl] with two lists and more keys.
loaded with_lists(std::string_view more, const io::variable_map& variables = {})
{
    return parse(fmt::format("[dnsbl]\nsites = [\"a.test*2\", \"b.test=127.0.0.2\"]\n{}\n", more),
                 variables);
}

dnsbl::site_set::zone_entry first_zone(const loaded& what)
{
    REQUIRE(what.value.has_value());
    return what.value->runtime.dnsbl_sites.zones.at(0);
}

} // namespace

TEST_CASE("config: lists have what all have in common, and tests every five minutes", "[config]")
{
    const auto plain = with_lists("");
    CHECK(lines_of(plain).empty());
    const auto zone = first_zone(plain);
    CHECK(plain.value->runtime.dnsbl.test_interval == 5min);
    CHECK(zone.resolvers.empty());
    CHECK_FALSE(zone.timeout.has_value());
    CHECK((zone.entry == test_entry::unknown));
    CHECK(zone.answers == dnsbl::answer_rules{});
}

TEST_CASE("config: what is written about single lists arrives", "[config]")
{
    const auto got = with_lists(R"(test_interval = "30s"
zone_resolvers = { "A.test." = "127.0.0.1:5353, ::1" }
zone_timeouts = { "a.test" = "3s" }
error_answers = { "a.test" = "127.0.0.[254;255], 127.9.9.9" }
untestable = ["a.test"])");
    CHECK(lines_of(got).empty());
    const auto zone = first_zone(got);
    CHECK(got.value->runtime.dnsbl.test_interval == 30s);
    CHECK(zone.resolvers == test_support::servers({"127.0.0.1:5353", "::1"}));
    CHECK(zone.timeout == std::optional<milliseconds>{3s});
    CHECK(zone.answers.errors.size() == 2);
    CHECK((zone.entry == test_entry::untested));
    CHECK(zone.lists_loopback);
    // Only this one.
    const auto other = got.value->runtime.dnsbl_sites.zones.at(1);
    CHECK(other.resolvers.empty());
    CHECK(other.answers.errors.empty());
}

TEST_CASE("config: error answers are added to those that are built in", "[config]")
{
    const auto got = parse("[dnsbl]\nsites = [\"list.dnswl.org*-4\", \"a.test\"]\n"
                           "error_answers = { \"list.dnswl.org\" = \"127.7.7.7\" }\n");
    CHECK(lines_of(got).empty());
    const auto rules = first_zone(got).answers;
    for (const char* error : {"127.0.0.255", "127.0.10.3", "127.7.7.7", "127.255.255.254"}) {
        CAPTURE(error);
        CHECK((classify(*parse_address(error), rules) == dnsbl::answer_kind::error_code));
    }
    CHECK((classify(*parse_address("127.0.5.3"), rules) == dnsbl::answer_kind::listing));
}

TEST_CASE("config: a key comes from the text, the environment or a file, and is not shown",
          "[config]")
{
    const temporary_directory directory;
    const auto file = directory.write("key", "  key1\n");
    for (const auto& key : {std::string{"key1"}, std::string{"${LIST_KEY}"}, file.string()}) {
        CAPTURE(key);
        const auto got = with_lists(fmt::format("zone_keys = {{ \"a.test\" = \"{}\" }}", key),
                                    {{"LIST_KEY", "key1"}});
        CHECK(lines_of(got).empty());
        const auto zone = first_zone(got);
        CHECK(zone.zone == "key1.a.test");
        CHECK(zone.reply_name == "a.test");
    }
}

TEST_CASE("config: what cannot be meant about a list is told with its place", "[config]")
{
    const lines rows[] = {
        {R"(zone_timeouts = { "a.test" = "11s" })",
         "t.toml:3: error: dnsbl.zone_timeouts: a zone may have from 1ms to as long as "
         "dnsbl.timeout (found \"11s\")"},
        {R"(zone_timeouts = { "c.test" = "1s" })",
         "t.toml:3: warning: dnsbl.zone_timeouts: no site has the zone \"c.test\""},
        {R"(zone_resolvers = { "a.test" = "dns/example" })",
         "t.toml:3: error: dnsbl.zone_resolvers: not a resolver; write an address, "
         "address:port, [v6]:port, or a name in place of the address (found \"dns/example\")"},
        {R"(zone_resolvers = { "a.test" = "127.0.0.1," })",
         "t.toml:3: error: dnsbl.zone_resolvers: not a resolver; write an address, "
         "address:port, [v6]:port, or a name in place of the address (found \"127.0.0.1,\")"},
        {R"(untestable = ["c.test"])",
         "t.toml:3: warning: dnsbl.untestable: no site has the zone \"c.test\""},
        {R"(zone_keys = { "a.test" = "not a key" })",
         "t.toml:3: error: dnsbl.zone_keys: not a key; it is put before the zone with a dot, so "
         "it is made of letters, digits and hyphens"},
    };
    for (const auto& row : rows) {
        CAPTURE(row[0]);
        auto got = lines_of(with_lists(row[0]));
        REQUIRE(got.size() == 1);
        // Columns are others' business.
        const auto column = got[0].find(':', got[0].find(':') + 1);
        got[0].erase(column, got[0].find(": ", column) - column);
        CHECK(got[0] == row[1]);
    }
}

TEST_CASE("config: lists that are gone, or know no addresses, are warned of", "[config]")
{
    const auto got = parse(R"([dnsbl]
sites = ["dnsbl.sorbs.net", "dbl.spamhaus.org"])");
    REQUIRE(got.value.has_value());
    const auto said = lines_of(got);
    REQUIRE(said.size() == 2);
    CHECK(said[0].find("warning: dnsbl.sites: sorbs.net shut down in 2024; take it out") !=
          std::string::npos);
    CHECK(said[1].find("warning: dnsbl.sites: dbl.spamhaus.org lists names and knows no client "
                       "addresses; take it out") != std::string::npos);
}

TEST_CASE("config: prefixes say which addresses are one client", "[config]")
{
    const auto plain = parse("");
    REQUIRE(plain.value.has_value());
    CHECK(plain.value->runtime.store.ipv6_prefix == 64);
    CHECK(plain.value->runtime.limits.ipv6_prefix == 64);
    CHECK(plain.value->runtime.deep.ipv4_prefix == 32);

    const auto got = parse("[store]\nipv6_prefix = 56\n[limits]\nipv6_prefix = 48\n"
                           "[deep]\nipv4_prefix = 24\n");
    REQUIRE(got.value.has_value());
    CHECK(got.value->runtime.store.ipv6_prefix == 56);
    CHECK(got.value->runtime.limits.ipv6_prefix == 48);
    CHECK(got.value->runtime.deep.ipv4_prefix == 24);

    // The kernel brings no larger network to one worker.
    CHECK_FALSE(parse("[limits]\nipv6_prefix = 47\n").value.has_value());
}

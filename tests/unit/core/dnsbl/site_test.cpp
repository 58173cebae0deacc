// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/site.hpp"

#include "support/catch.hpp"

#include <optional>
#include <string>

using namespace fendmail;

namespace {

dnsbl::site parsed(const char* text)
{
    const auto site = dnsbl::parse_site(text);
    REQUIRE(site.has_value());
    return *site;
}

dnsbl::filter filter_of(const char* text)
{
    const auto filter = dnsbl::parse_filter(text);
    REQUIRE(filter.has_value());
    return *filter;
}

} // namespace

TEST_CASE("site: zone[=filter][*weight]", "[dnsbl][config]")
{
    struct row {
        const char* text;
        const char* zone;
        const char* filter = "[0..255].[0..255].[0..255].[0..255]";
        int weight = 1;
    };
    static const row rows[] = {
        {.text = "bl.example", .zone = "bl.example"},
        {.text = "bl.example*3", .zone = "bl.example", .weight = 3},
        {.text = "bl.example*1000", .zone = "bl.example", .weight = 1000},
        {.text = "bl.example*-1000", .zone = "bl.example", .weight = -1000},
        {.text = "bl.example=127.0.0.2", .zone = "bl.example", .filter = "127.0.0.2"},
        {.text = "wl.example=127.0.[0..255].[1..3]*-2",
         .zone = "wl.example",
         .filter = "127.0.[0..255].[1..3]",
         .weight = -2},
        {.text = "Zen.SpamHaus.ORG.", .zone = "zen.spamhaus.org"},
        {.text = "a1b2c3d4.zen.dq.spamhaus.net", .zone = "a1b2c3d4.zen.dq.spamhaus.net"},
        {.text = "127.bl.example", .zone = "127.bl.example"},
        {.text = "my_list.x-y.example", .zone = "my_list.x-y.example"},
        {.text = "localhost", .zone = "localhost"},
        {.text = "b.barracudacentral.org*2", .zone = "b.barracudacentral.org", .weight = 2},
    };
    for (const row& r : rows) {
        CAPTURE(r.text);
        const auto site = dnsbl::parse_site(r.text);
        REQUIRE(site.has_value());
        CHECK(site->zone == r.zone);
        CHECK((site->wanted == filter_of(r.filter)));
        CHECK(site->weight == r.weight);
    }
}

TEST_CASE("site: what is wrong is named", "[dnsbl][config]")
{
    const std::string label_64(64, 'a');
    const std::string zone_190 =
        std::string(63, 'a') + "." + std::string(63, 'b') + "." + std::string(62, 'c');
    struct row {
        std::string text;
        error want;
    };
    const row rows[] = {
        {"", error::empty_zone},
        {"*3", error::empty_zone},
        {"=127.0.0.2", error::empty_zone},
        {"=127.0.0.2*3", error::empty_zone},
        {".", error::bad_zone},
        {"bl.example..", error::bad_zone},
        {".bl.example", error::bad_zone},
        {"bl..example", error::bad_zone},
        {"bl example", error::bad_zone},
        {" bl.example", error::bad_zone},
        {"-bl.example", error::bad_zone},
        {"bl-.example", error::bad_zone},
        {"_bl.example", error::bad_zone},
        {"bl.example/24", error::bad_zone},
        {"bl.\xC3\xA4.example", error::bad_zone},
        {std::string("bl\0.example", 11), error::bad_zone},
        {"127.0.0.1", error::bad_zone},
        {"bl.42", error::bad_zone},
        {label_64 + ".example", error::bad_zone},
        {zone_190, error::bad_zone},
        {"bl.example*", error::bad_weight},
        {"bl.example*0", error::bad_weight},
        {"bl.example*-0", error::bad_weight},
        {"bl.example*3x", error::bad_weight},
        {"bl.example* 3", error::bad_weight},
        {"bl.example*3.5", error::bad_weight},
        {"bl.example*1001", error::bad_weight},
        {"bl.example*-1001", error::bad_weight},
        {"bl.example*99999999999", error::bad_weight},
        {"bl.example*2*3", error::bad_weight},
        {"bl.example*3=127.0.0.2", error::bad_weight},
        {"bl.example=", error::bad_filter},
        {"bl.example=*3", error::bad_filter},
        {"bl.example=127.0.0", error::bad_filter},
        {"bl.example=127.0.0.2=127.0.0.3", error::bad_filter},
    };
    for (const row& r : rows) {
        CAPTURE(r.text);
        const auto site = dnsbl::parse_site(r.text);
        REQUIRE_FALSE(site.has_value());
        CHECK(message(site.error()) == message(r.want));
    }
}

TEST_CASE("site set: a zone that stands in several sites is asked once", "[dnsbl]")
{
    const auto set = dnsbl::make_site_set({parsed("a.test=127.0.0.2*3"), parsed("b.test"),
                                           parsed("A.test.=127.0.0.[3..4]*-2"), parsed("a.test")},
                                          {});
    REQUIRE(set.zones.size() == 2);
    CHECK(set.zones[0].zone == "a.test");
    CHECK(set.zones[1].zone == "b.test");
    REQUIRE(set.zones[0].sites.size() == 3);
    CHECK(set.zones[0].sites[0].weight == 3);
    CHECK(set.zones[0].sites[1].weight == -2);
    CHECK(set.zones[0].sites[2].weight == 1);
    CHECK((set.zones[0].sites[1].wanted == filter_of("127.0.0.[3..4]")));
    CHECK(set.zones[1].sites.size() == 1);
    CHECK_FALSE(set.empty());
    CHECK(dnsbl::make_site_set({}, {}).empty());
}

TEST_CASE("site set: clients are told the mapped name of a zone", "[dnsbl]")
{
    const auto set =
        dnsbl::make_site_set({parsed("SecretKey.zen.test"), parsed("b.test")},
                             {{"secretkey.ZEN.test.", "Zen (Example)"}, {"c.test", "nobody"}});
    REQUIRE(set.zones.size() == 2);
    CHECK(set.zones[0].reply_name == "Zen (Example)");
    CHECK(set.zones[1].reply_name == "b.test");
}

TEST_CASE("site set: what is known of a list goes with its zone, keyed or not", "[dnsbl]")
{
    const auto set = dnsbl::make_site_set(
        {parsed("zen.spamhaus.org"), parsed("key.zen.dq.spamhaus.net"), parsed("bl.spamcop.net"),
         parsed("hostkarma.junkemailfilter.com"), parsed("list.dnswl.org*-1"), parsed("b.test")},
        {});
    REQUIRE(set.zones.size() == 6);
    CHECK(set.zones[0].entry == dnsbl::test_entry::there);
    CHECK(set.zones[1].entry == dnsbl::test_entry::there);
    CHECK(set.zones[2].answers.only.size() == 1);
    CHECK(set.zones[3].lists_loopback);
    CHECK(set.zones[3].answers.gives_127_0_0_1);
    CHECK(set.zones[4].entry == dnsbl::test_entry::untested);
    CHECK(set.zones[4].answers.errors.size() == 2);
    CHECK(set.zones[5].entry == dnsbl::test_entry::unknown);
    CHECK((set.zones[5].answers == dnsbl::answer_rules{}));
}

TEST_CASE("zone: a zone alone is compared in lower case and without its dot", "[dnsbl]")
{
    CHECK(*dnsbl::parse_zone("Zen.Example.") == "zen.example");
    CHECK(message(dnsbl::parse_zone("").error()) == message(error::empty_zone));
    CHECK(message(dnsbl::parse_zone("a..b").error()) == message(error::bad_zone));
    CHECK(message(dnsbl::parse_zone("a.test*3").error()) == message(error::bad_zone));
}

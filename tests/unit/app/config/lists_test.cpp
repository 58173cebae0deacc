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

// [dnsbl.list."ZONE"]: lists as tables of their own.
namespace {

using zones = std::vector<dnsbl::site_set::zone_entry>;

zones zones_of(const loaded& what)
{
    REQUIRE(what.value.has_value());
    return what.value->runtime.dnsbl_sites.zones;
}

/// What sites alone would give.
zones zones_of_sites(std::string_view sites)
{
    return zones_of(parse(fmt::format("[dnsbl]\nsites = [{}]\n", sites)));
}

} // namespace

TEST_CASE("config: a list that only its table names is a site", "[config]")
{
    const auto got = parse(R"([dnsbl]
sites = ["a.test*2"]
[dnsbl.list."B.test."]
weight = 3
filter = "127.0.0.[2..11]"
[dnsbl.list."w.test"]
weight = -4
[dnsbl.list."f.test"]
filter = "127.0.0.2"
)");
    CHECK(lines_of(got).empty());
    CHECK(zones_of(got) ==
          zones_of_sites(
              R"("a.test*2", "b.test=127.0.0.[2..11]*3", "w.test*-4", "f.test=127.0.0.2")"));
    CHECK(got.value->runtime.screening.tests[screen::test::dnsbl].enabled);
}

TEST_CASE("config: tables alone turn the lists on", "[config]")
{
    const auto got = parse("[dnsbl.list.\"a.test\"]\nweight = 1\n");
    CHECK(lines_of(got).empty());
    CHECK(zones_of(got) == zones_of_sites(R"("a.test")"));
    CHECK(got.value->runtime.screening.tests[screen::test::dnsbl].enabled);
    CHECK(lines_of(parse("[dnsbl.list]\n")).empty());
}

TEST_CASE("config: settings in a list's table arrive", "[config]")
{
    const temporary_directory directory;
    const auto file = directory.write("key", " key1\n");
    const auto got = parse(fmt::format(R"([dnsbl]
sites = ["a.test*2", "b.test"]
[dnsbl.list."A.TEST"]
timeout = "3s"
resolvers = ["127.0.0.1:5353", "::1"]
key_file = "{}"
max_questions = "300000/1d"
)",
                                       file.string()));
    CHECK(lines_of(got).empty());
    const auto found = zones_of(got);
    REQUIRE(found.size() == 2);
    CHECK(found[0].zone == "key1.a.test");
    CHECK(found[0].reply_name == "a.test");
    CHECK(found[0].timeout == std::optional<milliseconds>{3s});
    CHECK(found[0].resolvers == test_support::servers({"127.0.0.1:5353", "::1"}));
    CHECK(found[0].max_questions == budget{300000, 24h});
    CHECK(found[0].sites.at(0).weight == 2);
    // Only this one.
    CHECK(found[1].zone == "b.test");
    CHECK_FALSE(found[1].timeout);
    CHECK_FALSE(found[1].max_questions);
    CHECK(found[1].resolvers.empty());
}

TEST_CASE("config: empty texts in a list's table say nothing", "[config]")
{
    const auto got = parse(R"([dnsbl]
sites = ["a.test"]
zone_timeouts = { "a.test" = "2s" }
[dnsbl.list."a.test"]
timeout = ""
resolvers = []
key_file = ""
max_questions = ""
)");
    CHECK(lines_of(got).empty());
    CHECK(zones_of(got).at(0).timeout == std::optional<milliseconds>{2s});
    CHECK_FALSE(zones_of(got).at(0).max_questions);
}

TEST_CASE("config: a table gives what its site leaves open", "[config]")
{
    const lines rows[] = {
        {"a.test", "weight = 3", "a.test*3"},
        {"a.test*3", "weight = 3", "a.test*3"},
        {"a.test*3", "filter = \"127.0.0.2\"", "a.test=127.0.0.2*3"},
        {"a.test=127.0.0.2", "filter = \"127.0.0.2\"\nweight = 5", "a.test=127.0.0.2*5"},
        {"a.test*3", "timeout = \"10s\"", "a.test*3"},
    };
    for (const auto& row : rows) {
        CAPTURE(row[0], row[1]);
        const auto got = parse(fmt::format(
            "[dnsbl]\nsites = [\"{}\"]\n[dnsbl.list.\"a.test\"]\n{}\n", row[0], row[1]));
        CHECK(lines_of(got).empty());
        auto found = zones_of(got);
        found.at(0).timeout.reset();
        CHECK(found == zones_of_sites(fmt::format("\"{}\"", row[2])));
    }
}

TEST_CASE("config: what contradicts itself about a list is told with its place", "[config]")
{
    struct row {
        const char* before; ///< in [dnsbl]
        const char* table;
        const char* want;
    };
    static const row rows[] = {
        {R"(sites = ["a.test*3"])", "weight = 2",
         "t.toml:4:10: error: dnsbl.list.\"a.test\".weight: dnsbl.sites says 3; write it once "
         "(found 2)"},
        {R"(sites = ["a.test=127.0.0.3"])", R"(filter = "127.0.0.2")",
         "t.toml:4:10: error: dnsbl.list.\"a.test\".filter: dnsbl.sites says something else; "
         "write it once (found \"127.0.0.2\")"},
        {R"(sites = ["a.test=127.0.0.3", "a.test=127.0.0.4*2"])", "weight = 2",
         "t.toml:4:10: error: dnsbl.list.\"a.test\".weight: dnsbl.sites has this zone more than "
         "once; leave weight and filter to it"},
        {"zone_timeouts = { \"A.test\" = \"2s\" }\nsites = [\"a.test\"]", R"(timeout = "2s")",
         "t.toml:5:11: error: dnsbl.list.\"a.test\".timeout: dnsbl.zone_timeouts has this zone as "
         "well; write it once"},
        {"zone_resolvers = { \"a.test\" = \"127.0.0.1\" }\nsites = [\"a.test\"]",
         R"(resolvers = ["127.0.0.1"])",
         "t.toml:5:13: error: dnsbl.list.\"a.test\".resolvers: dnsbl.zone_resolvers has this zone "
         "as well; write it once"},
        {"zone_keys = { \"a.test\" = \"key1\" }\nsites = [\"a.test\"]", R"(key_file = "/key")",
         "t.toml:5:12: error: dnsbl.list.\"a.test\".key_file: dnsbl.zone_keys has this zone as "
         "well; write it once"},
        {R"(sites = ["a.test"])", "weight = 3\n[dnsbl.list.\"A.test.\"]\ntimeout = \"1s\"",
         "t.toml:5:13: error: dnsbl.list: this zone has a table already (found \"A.test.\")"},
        {R"(sites = ["b.test"])", R"(timeout = "1s")",
         "t.toml:3:13: warning: dnsbl.list: no site has the zone \"a.test\"; with a weight this "
         "table makes it one"},
    };
    for (const row& r : rows) {
        CAPTURE(r.before, r.table);
        const auto got =
            parse(fmt::format("[dnsbl]\n{}\n[dnsbl.list.\"a.test\"]\n{}\n", r.before, r.table));
        CHECK(lines_of(got) == lines{r.want});
    }
}

TEST_CASE("config: what cannot be meant in a list's table is told with its place", "[config]")
{
    struct row {
        const char* table;
        const char* want;
    };
    static const row rows[] = {
        {"weight = 0", "t.toml:2:10: error: dnsbl.list.\"a.test\".weight: a list of weight 0 would "
                       "say nothing"},
        {"weight = 1001", "t.toml:2:10: error: dnsbl.list.\"a.test\".weight: expected a whole "
                          "number from -1000 to 1000, found 1001"},
        {"weight = \"3\"", "t.toml:2:10: error: dnsbl.list.\"a.test\".weight: expected a whole "
                           "number, found a string"},
        {"weight = 1\nfilter = \"127.0.0\"",
         "t.toml:3:10: error: dnsbl.list.\"a.test\".filter: not a reply filter; write four numbers "
         "or [a..b;c] groups, such as 127.0.0.[2..11] (found \"127.0.0\")"},
        {"weight = 1\ntimeout = \"11s\"",
         "t.toml:3:11: error: dnsbl.list.\"a.test\".timeout: a zone may have from 1ms to as long "
         "as dnsbl.timeout (found \"11s\")"},
        {"weight = 1\nresolvers = [\"dns,example\"]",
         "t.toml:3:14: error: dnsbl.list.\"a.test\".resolvers: not a resolver; write an address, "
         "address:port, [v6]:port, or a name in place of the address (found \"dns,example\")"},
        {"weight = 1\nresolvers = [\"fe80::1\"]",
         "t.toml:3:14: error: dnsbl.list.\"a.test\".resolvers: a link-local address needs its "
         "interface behind \"%\", and no other has one; write fe80::1%eth0 or [fe80::1%eth0]:53 "
         "(found \"fe80::1\")"},
        {"weight = 1\nprivate_addresses = \"yes\"",
         "t.toml:3:21: error: dnsbl.list.\"a.test\".private_addresses: write \"skip\" or \"ask\" "
         "(found \"yes\")"},
        {"weight = 1\nmax_questions = \"20\"",
         "t.toml:3:17: error: dnsbl.list.\"a.test\".max_questions: not a count in a time; write "
         "\"20/10s\", at most 1,000,000 a second, or \"\" for no limit (found \"20\")"},
        {"weight = 1\nkey_file = \"key\"",
         "t.toml:3:12: error: dnsbl.list.\"a.test\".key_file: write an absolute path (found "
         "\"key\")"},
        {"weight = 1\nkey_file = \"/nothing/here\"",
         "t.toml:3:12: error: dnsbl.list.\"a.test\".key_file: cannot read: No such file or "
         "directory (found \"/nothing/here\")"},
        {"wieght = 1", "t.toml:2:1: error: unknown key \"wieght\" in [dnsbl.list.\"a.test\"]; did "
                       "you mean \"weight\"?"},
        {"weight = 1\nkeys = \"x\"", "t.toml:3:1: error: unknown key \"keys\" in "
                                     "[dnsbl.list.\"a.test\"]; did you mean \"key\"?"},
    };
    for (const row& r : rows) {
        CAPTURE(r.table);
        auto got = lines_of(parse(fmt::format("[dnsbl.list.\"a.test\"]\n{}\n", r.table)));
        std::erase_if(got, [](const std::string& line) {
            return line.find(": warning: ") != std::string::npos;
        });
        CHECK(got == lines{r.want});
    }
}

TEST_CASE("config: what is no table of lists is told with its place", "[config]")
{
    const lines rows[] = {
        {"[dnsbl]\nlist = \"a.test\"\n",
         "t.toml:2:1: error: dnsbl.list: write each as a table [dnsbl.list.\"ZONE\"]"},
        {"[dnsbl.list]\nweight = 3\n",
         "t.toml:1:8: error: dnsbl.list: write each as a table [dnsbl.list.\"ZONE\"]"},
        {"[[dnsbl.list]]\nweight = 3\n",
         "t.toml:1:9: error: dnsbl.list: write each as a table [dnsbl.list.\"ZONE\"]"},
        {"[dnsbl.list.\"no zone\"]\nweight = 3\n",
         "t.toml:1:13: error: dnsbl.list: not a DNS zone; write a host name such as "
         "zen.spamhaus.org (found \"no zone\")"},
        // The quotes were forgotten.
        {"[dnsbl.list.a.b.test]\nweight = 3\n",
         "t.toml:1:13: error: dnsbl.list: a name with dots stands in quotes: "
         "[dnsbl.list.\"a.b.test\"]"},
        {"[dnsbl]\nlists = 3\n",
         "t.toml:2:1: error: unknown key \"lists\" in [dnsbl]; did you mean \"list\"?"},
    };
    for (const auto& row : rows) {
        CAPTURE(row[0]);
        const auto got = lines_of(parse(row[0]));
        REQUIRE_FALSE(got.empty());
        CHECK(got[0] == row[1]);
    }
}

TEST_CASE("config: a later file replaces single keys of a list's table", "[config]")
{
    const temporary_directory directory;
    const auto file = directory.write("fendmail.toml", R"([dnsbl.list."a.test"]
weight = 3
timeout = "2s"
)");
    (void)directory.write("conf.d/more.toml", R"([dnsbl.list."a.test"]
timeout = "4s"
[dnsbl.list."b.test"]
weight = 1
)");
    const auto got = load(file);
    CHECK(lines_of(got).empty());
    const auto found = zones_of(got);
    REQUIRE(found.size() == 2);
    CHECK(found[0].sites.at(0).weight == 3);
    CHECK(found[0].timeout == std::optional<milliseconds>{4s});
    CHECK(found[1].zone == "b.test");
}

TEST_CASE("config: a key in the name of a list's table needs a name for clients", "[config]")
{
    const io::variable_map variables{{"FENDMAIL_TEST_KEY", "key1"}};
    constexpr std::string_view table = "[dnsbl.list.\"${FENDMAIL_TEST_KEY}.a.test\"]\nweight = 3\n";
    const auto shown = parse(table, variables);
    REQUIRE(lines_of(shown).size() == 1);
    CHECK(lines_of(shown)[0].find("warning: dnsbl.list: clients will be shown what ${...} stands "
                                  "for") != std::string::npos);
    CHECK(zones_of(shown).at(0).zone == "key1.a.test");
    const auto hidden =
        parse(fmt::format(
                  "[dnsbl]\nreply_names = {{ \"${{FENDMAIL_TEST_KEY}}.a.test\" = \"a.test\" }}\n{}",
                  table),
              variables);
    CHECK(lines_of(hidden).empty());
    CHECK(zones_of(hidden).at(0).reply_name == "a.test");
}

TEST_CASE("config: lists that are gone are warned of in tables, too", "[config]")
{
    const auto got = lines_of(parse("[dnsbl.list.\"dnsbl.sorbs.net\"]\nweight = 1\n"));
    REQUIRE(got.size() == 1);
    CHECK(got[0].find("t.toml:1:13: warning: dnsbl.list: sorbs.net shut down in 2024") == 0);
}

TEST_CASE("config: what a list's table says of its answers and its key counts", "[config]")
{
    const auto got = parse(
        R"([dnsbl.list."a.test"]
weight = 1
key = "${FENDMAIL_TEST_KEY}"
error_answers = ["127.0.0.254", "127.0.0.[8;9]"]
untestable = true
)",
        {{"FENDMAIL_TEST_KEY", "s3cret"}});
    CHECK(lines_of(got).empty());
    const auto zone = zones_of(got).at(0);
    CHECK(zone.zone == "s3cret.a.test");
    CHECK(zone.reply_name == "a.test");
    CHECK(zone.entry == dnsbl::test_entry::untested);
    CHECK(zone.lists_loopback);
    const auto same = zones_of(parse(R"([dnsbl]
sites = ["a.test"]
zone_keys = { "a.test" = "s3cret" }
error_answers = { "a.test" = "127.0.0.254, 127.0.0.[8;9]" }
untestable = ["a.test"]
)"));
    CHECK(zone == same.at(0));
}

TEST_CASE("config: what a list's table says twice is told at its line", "[config]")
{
    struct row {
        const char* table;
        const char* keys;
        const char* want;
    };
    static const row rows[] = {
        {"key = \"k\"\nkey_file = \"/k\"", "",
         "t.toml:4:7: error: dnsbl.list.\"a.test\".key: there is a key_file as well; write one of "
         "them"},
        {"key = \"k\"", "zone_keys = { \"a.test\" = \"k\" }",
         "t.toml:4:7: error: dnsbl.list.\"a.test\".key: dnsbl.zone_keys has this zone as well; "
         "write it once"},
        {"key = \"a b\"", "",
         "t.toml:4:7: error: dnsbl.list.\"a.test\".key: not a key; it is put before the zone with "
         "a dot, so it is made of letters, digits and hyphens"},
        {"error_answers = [\"127.0.0.2\"]", "error_answers = { \"a.test\" = \"127.0.0.3\" }",
         "t.toml:4:17: error: dnsbl.list.\"a.test\".error_answers: dnsbl.error_answers has this "
         "zone as well; write it once"},
        {"untestable = false", "untestable = [\"A.test.\"]",
         "t.toml:4:14: error: dnsbl.list.\"a.test\".untestable: dnsbl.untestable has this zone as "
         "well; write it once"},
    };
    for (const row& r : rows) {
        DYNAMIC_SECTION(r.table)
        {
            const auto got = parse(fmt::format(
                "[dnsbl]\n{}\n[dnsbl.list.\"a.test\"]\n{}\nweight = 1\n", r.keys, r.table));
            CHECK(lines_of(got) == lines{r.want});
        }
    }
    CHECK(
        lines_of(parse("[dnsbl.list.\"a.test\"]\nweight = 1\nerror_answers = [\"x\"]\n")).size() ==
        1);
}

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/load.hpp"
#include "files.hpp"
#include "support/catch.hpp"

#include <chrono>
#include <ctime>

using namespace fendmail;
using namespace fendmail::app;
using namespace fendmail::app::test_files;
using namespace std::chrono_literals;
using lines = std::vector<std::string>;

TEST_CASE("config: files of conf.d override in lexical order, key by key", "[config]")
{
    const temporary_directory dir;
    const auto main = dir.write("fendmail.toml", "[greet]\nwait = \"3s\"\nttl = \"2d\"\n"
                                                 "[dnsbl]\nsites = [\"a.example\"]\n"
                                                 "reply_names = { \"a.example\" = \"a\" }\n");
    dir.write("conf.d/20-b.toml", "[greet]\nwait = \"5s\"\n");
    dir.write("conf.d/10-a.toml", "[greet]\nwait = \"4s\"\naction = \"drop\"\n"
                                  "[dnsbl]\nsites = [\"b.example\"]\nreply_names = {}\n");
    dir.write("conf.d/.#30-c.toml", "not TOML");
    dir.write("conf.d/README", "not TOML");
    const auto got = load(main);
    REQUIRE(lines_of(got) == lines{});
    const runtime_config& r = got.value->runtime;
    CHECK(r.screening.greet_wait == 5s);
    CHECK(r.screening.tests[screen::test::pregreet].ttl == 48h);
    CHECK(r.screening.tests[screen::test::pregreet].on_failure == screen::action::drop);
    // Arrays and tables are replaced, not joined.
    REQUIRE(r.dnsbl_sites.zones.size() == 1);
    CHECK(r.dnsbl_sites.zones[0].zone == "b.example");
}

TEST_CASE("config: each problem names its own file, in the order of loading", "[config]")
{
    const temporary_directory dir;
    const auto main = dir.write("z.toml", "[greet]\nwait = 1\n"
                                          "[access]\nrules = [\"reject file:a.cidr\"]\n"
                                          "[backend]\naddress = \"192.0.2.1:25\"\n");
    dir.write("a.cidr", "192.0.2.0/24\nx\n");
    dir.write("conf.d/b.toml", "[server]\nlisten = [\"192.0.2.1:25\"]\n");
    dir.write("conf.d/a.toml", "[deep]\n\n after = \"never\"\n");
    dir.write("conf.d/c.toml", "[access]\nrules = [\"reject file:../a.cidr\"]\nbroken = 1\n");
    const auto got = load(main);
    CHECK_FALSE(got.value);
    CHECK(lines_of(got, dir.path()) ==
          lines{"z.toml:2:8: error: greet.wait: expected a duration such as \"6s\", found an "
                "integer",
                "z.toml:6:11: error: backend.address: \"192.0.2.1:25\" is where server.listen has "
                "us listen (\"192.0.2.1:25\"): each session would come back to us",
                "conf.d/a.toml:3:10: error: deep.after: expected one of \"relay\", \"retry\", "
                "found \"never\"",
                "conf.d/c.toml:3:1: error: unknown key \"broken\" in [access]; the keys are "
                "rules, action, allowlist_interfaces",
                "conf.d/../a.cidr:2:1: error: not an IP address; write 192.0.2.1 or 2001:db8::1 "
                "(found \"x\")"});
}

TEST_CASE("config: a file that cannot be read is one problem", "[config]")
{
    const temporary_directory dir;
    CHECK(lines_of(load(dir.path() / "none.toml"), dir.path()) ==
          lines{"none.toml: error: cannot read: No such file or directory"});
    fs::create_directory(dir.path() / "dir.toml");
    CHECK(lines_of(load(dir.path() / "dir.toml"), dir.path()) ==
          lines{"dir.toml: error: cannot read: Is a directory"});

    const auto main = dir.write("a/fendmail.toml", "");
    dir.write("a/conf.d", "a file");
    CHECK(lines_of(load(main), dir.path()) ==
          lines{"a/conf.d: error: cannot read: Not a directory"});
    // A link to nowhere is not the same as no file: something was meant to be there.
    const auto other = dir.write("b/fendmail.toml", "");
    fs::create_directory(dir.path() / "b/conf.d");
    fs::create_symlink("nowhere", dir.path() / "b/conf.d/x.toml");
    CHECK(lines_of(load(other), dir.path()) ==
          lines{"b/conf.d/x.toml: error: cannot read: No such file or directory"});
}

TEST_CASE("config: a syntax error in one file does not hide what is wrong in others", "[config]")
{
    const temporary_directory dir;
    const auto main = dir.write("fendmail.toml", "[backend]\nkind = \"postfix-pass\"\n");
    dir.write("conf.d/a.toml", "[backend\n");
    dir.write("conf.d/b.toml", "[greet]\nwait = 1\n");
    const auto got = load(main);
    // The address may stand in a.toml: nothing is said about it.
    REQUIRE(got.problems.size() == 2);
    CHECK(got.problems[0].file == (dir.path() / "conf.d/a.toml").string());
    CHECK(got.problems[1].file == (dir.path() / "conf.d/b.toml").string());
}

TEST_CASE("config: an access file brings networks in the place of its rule", "[config]")
{
    const temporary_directory dir;
    dir.write("deny.cidr", "\n# comment\n192.0.2.0/24  # and here\r\n  2001:db8::/32\n10.0.0.1");
    const auto main =
        dir.write("fendmail.toml", "[access]\nrules = [\"permit 192.0.2.1\", \"reject "
                                   "file:deny.cidr\", \"permit 192.0.2.0/24\"]\n");
    const auto got = load(main);
    REQUIRE(lines_of(got) == lines{});
    const auto find = [&](const char* address) {
        return got.value->runtime.access.find(*parse_address(address));
    };
    CHECK(find("192.0.2.1")->decision == acl::decision::permit);
    CHECK(find("192.0.2.2")->decision == acl::decision::reject);
    CHECK(find("192.0.2.2")->rule == "reject file:deny.cidr");
    CHECK(find("2001:db8::1")->decision == acl::decision::reject);
    CHECK(find("10.0.0.1")->decision == acl::decision::reject);
    CHECK_FALSE(find("10.0.0.2"));
}

TEST_CASE("config: an access file without networks is a warning at its rule", "[config]")
{
    const temporary_directory dir;
    dir.write("empty.cidr", "# nothing yet\n");
    const auto main = dir.write("f.toml", "[access]\nrules = [\"reject file:empty.cidr\"]\n");
    const auto got = load(main);
    CHECK(got.value);
    CHECK(lines_of(got, dir.path()) ==
          lines{"f.toml:2:10: warning: access.rules: \"empty.cidr\" holds no network, so this rule "
                "matches nobody"});
}

TEST_CASE("config: an access file named twice tells its problems once", "[config]")
{
    const temporary_directory dir;
    dir.write("a.cidr", "x\ny\n");
    const auto main =
        dir.write("f.toml", "[access]\nrules = [\"reject file:a.cidr\", \"permit file:a.cidr\"]\n");
    CHECK(load(main).problems.size() == 2);
}

TEST_CASE("config: a hundred thousand networks load in well under a second", "[config]")
{
    const temporary_directory dir;
    std::string text;
    for (unsigned i = 0; i < 100000; ++i)
        text += std::to_string(1 + i / 65536) + "." + std::to_string(i / 256 % 256) + "." +
                std::to_string(i % 256) + ".0/24\n";
    dir.write("big.cidr", text);
    const auto main = dir.write("f.toml", "[access]\nrules = [\"reject file:big.cidr\"]\n");
    // Processor time, so that a busy machine does not fail the test.
    const std::clock_t start = std::clock();
    const auto got = load(main);
    const double took = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    REQUIRE(lines_of(got) == lines{});
    CHECK(got.value->runtime.access.find(*parse_address("2.134.159.9")));
    CHECK_FALSE(got.value->runtime.access.find(*parse_address("2.134.160.9")));
    // 0.1 s when optimized; the bound only has to catch what is quadratic, under sanitizers.
    CHECK(took < 5.0);
}

TEST_CASE("config: ${NAME} is replaced in every string, and in names of tables", "[config]")
{
    const auto got = parse(
        R"([server]
hostname = "${FENDMAIL_TEST_HOST}"
[greet]
banner = "$HOME {x} ${FENDMAIL_TEST_HOST} ${FENDMAIL_TEST_WAIT}$"
wait = "${FENDMAIL_TEST_WAIT}s"
[dnsbl]
sites = ["${FENDMAIL_TEST_KEY}.zen.example=127.0.0.2*2"]
reply_names = { "${FENDMAIL_TEST_KEY}.zen.example" = "zen.example" }
)",
        {{"FENDMAIL_TEST_KEY", "s3cret"},
         {"FENDMAIL_TEST_HOST", "mx9.example.org"},
         {"FENDMAIL_TEST_WAIT", "9"}});
    REQUIRE(lines_of(got) == lines{});
    CHECK(got.value->runtime.hostname == "mx9.example.org");
    CHECK(got.value->runtime.teaser == "$HOME {x} mx9.example.org 9$");
    CHECK(got.value->runtime.screening.greet_wait == 9s);
    CHECK(got.value->runtime.dnsbl_sites.zones.at(0).zone == "s3cret.zen.example");
    CHECK(got.value->runtime.dnsbl_sites.zones.at(0).reply_name == "zen.example");
}

TEST_CASE("config: no message shows what ${NAME} stands for", "[config]")
{
    const auto got = parse(
        R"([dnsbl]
sites = ["${FENDMAIL_TEST_KEY}.zen.example", "${FENDMAIL_TEST_KEY}"]
resolvers = ["${FENDMAIL_TEST_KEY}"]
[greet]
wait = "${FENDMAIL_TEST_KEY}"
action = "${FENDMAIL_TEST_KEY}"
[server]
listen = ["${FENDMAIL_TEST_KEY}"]
[access]
rules = ["permit ${FENDMAIL_TEST_KEY}"]
[backend]
address = "${FENDMAIL_TEST_KEY}"
[log]
target = "${FENDMAIL_TEST_KEY}"
)",
        {{"FENDMAIL_TEST_KEY", "s3cret_"}});
    CHECK(got.problems.size() >= 8);
    for (const std::string& line : lines_of(got)) {
        CAPTURE(line);
        CHECK(line.find("s3cret") == std::string::npos);
        CHECK(line.find("${FENDMAIL_TEST_KEY}") != std::string::npos);
    }
}

TEST_CASE("config: a secret zone without another name for clients is a warning", "[config]")
{
    const auto got = parse("[dnsbl]\nsites = [\"${FENDMAIL_TEST_KEY}.zen.example\"]\n",
                           {{"FENDMAIL_TEST_KEY", "s3cret"}});
    CHECK(got.value);
    CHECK(lines_of(got) ==
          lines{"t.toml:2:10: warning: dnsbl.sites: clients will be shown what ${...} stands for; "
                "give the zone a name in dnsbl.reply_names (found "
                "\"${FENDMAIL_TEST_KEY}.zen.example\")"});
}

TEST_CASE("config: ${ has to be a name that is set", "[config]")
{
    const auto first = [](const char* banner) {
        return lines_of(parse("[greet]\nbanner = \"" + std::string(banner) + "\"\n"));
    };
    CHECK(first("a ${FENDMAIL_TEST_KEY} b") ==
          lines{"t.toml:2:10: error: greet.banner: the environment variable FENDMAIL_TEST_KEY is "
                "not set"});
    for (const char* bad : {"${}", "${1A}", "${A B}", "${A", "x ${"})
        CHECK(first(bad) == lines{"t.toml:2:10: error: greet.banner: write \"${NAME}\" with the "
                                  "name of an environment variable (found \"" +
                                  std::string(bad) + "\")"});
}

TEST_CASE("config: each access rule knows where it stands", "[config]")
{
    const temporary_directory dir;
    const auto main = dir.write("fendmail.toml", "[greet]\nwait = \"3s\"\n");
    const auto places = [&](const io::variable_map& variables = {}) {
        const auto got = load(main, variables);
        REQUIRE(lines_of(got) == lines{});
        const auto& access = got.value->runtime;
        lines out;
        for (const rule_source& one : access.access_sources)
            out.push_back(one.place + (one.file.empty() ? "" : " " + one.file.string()));
        CHECK(access.access.find(*parse_address("127.0.0.1"))->number == 0);
        return out;
    };
    CHECK(places() == lines{"default", "default"});

    const auto extra =
        dir.write("conf.d/10-access.toml", "[access]\nrules = [\"permit 127.0.0.1\",\n"
                                           "  \"reject file:../${WHICH}.cidr\"]\n");
    dir.write("deny.cidr", "192.0.2.0/24\n");
    const auto named = extra.string();
    CHECK(places({{"WHICH", "deny"}}) ==
          lines{named + ":2", named + ":3 " + (dir.path() / "conf.d/../deny.cidr").string()});

    CHECK(places({{"WHICH", "deny"},
                  {"FENDMAIL_ACCESS_RULES", "permit 127.0.0.1, reject file:deny.cidr"}}) ==
          lines{"environment FENDMAIL_ACCESS_RULES",
                "environment FENDMAIL_ACCESS_RULES " + (dir.path() / "deny.cidr").string()});
}

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/keys.hpp"
#include "fendmail/app/config/load.hpp"
#include "files.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <set>

using namespace fendmail::app;
using namespace fendmail::app::test_files;
using lines = std::vector<std::string>;

TEST_CASE("config: a problem is told as FILE:LINE:COLUMN: kind: TEXT", "[config]")
{
    CHECK(to_text(problem{"a.toml", 3, 7, true, "bad"}) == "a.toml:3:7: error: bad");
    CHECK(to_text(problem{"a.toml", 3, 7, false, "odd"}) == "a.toml:3:7: warning: odd");
    CHECK(to_text(problem{"a.toml", 0, 0, true, "bad"}) == "a.toml: error: bad");
}

TEST_CASE("config: an error stands where the value stands and says what to write", "[config]")
{
    struct row {
        const char* title;
        const char* toml;
        const char* want;
    };
    static const row rows[] = {
        {"wrong type", "[greet]\nwait = 6\n",
         "t.toml:2:8: error: greet.wait: expected a duration such as \"6s\", found an integer"},
        {"unknown key", "[greet]\n  wayt = \"6s\"\n",
         "t.toml:2:3: error: unknown key \"wayt\" in [greet]; did you mean \"wait\"?"},
        {"letters that changed places", "[dnsbl]\nsiets = []\n",
         "t.toml:2:1: error: unknown key \"siets\" in [dnsbl]; did you mean \"sites\"?"},
        {"key of another section", "[server]\nthreshold = 2\n",
         "t.toml:2:1: error: unknown key \"threshold\" in [server]; did you mean [dnsbl] "
         "threshold?"},
        {"nothing like it", "[deep]\nwhatever = 2\n",
         "t.toml:2:1: error: unknown key \"whatever\" in [deep]; the keys are after, "
         "ipv4_prefix"},
        {"unknown section", "\n[dnsbls]\n",
         "t.toml:2:2: error: unknown section [dnsbls]; did you mean [dnsbl]?"},
        {"element of a list", "[dnsbl]\nsites = [\n  \"a.example\",\n  \"b.example*0\",\n]\n",
         "t.toml:4:3: error: dnsbl.sites: not a weight; write a whole number from -1000 to 1000 "
         "other than 0 behind \"*\" (found \"b.example*0\")"},
        {"columns are characters, not octets", "[access]\nrules = [\"permit \u00e4\", 1]\n",
         "t.toml:2:22: error: access.rules: expected a string, found an integer"},
        {"not a list", "[proxy_protocol]\ntrusted = true\n",
         "t.toml:2:11: error: proxy_protocol.trusted: expected a list of strings such as "
         "[\"a\", \"b\"], found a boolean"},
        {"not TOML", "[server\n",
         "t.toml:1:8: error: not valid TOML: Error while parsing table header: expected ']', saw "
         "'\\n'"},
        {"text in messages stays on its line", "[log]\ntarget = \"a\\nb\\\"\"\n",
         "t.toml:2:10: error: log.target: write \"stderr\", \"stdout\", \"syslog\", "
         "\"journald\" or \"file:/path\" with an absolute path (found \"a\\x0ab\\\"\")"},
        {"address without a port", "[admin]\nlisten = \"127.0.0.1\"\n",
         "t.toml:2:10: error: admin.listen: no port; write address:port, IPv6 as "
         "[2001:db8::1]:port (found \"127.0.0.1\")"},
        {"relative path of a socket", "[admin]\nlisten = \"unix:run/a\"\n",
         "t.toml:2:10: error: admin.listen: write an absolute path of at most 107 octets, "
         "\"unix:/path\" (found \"unix:run/a\")"},
        {"names in messages stay on their line", "[\"a\\nb\"]\n",
         "t.toml:1:2: error: unknown section [\"a\\x0ab\"]; the sections are server, backend, "
         "proxy_protocol, access, known_senders, known_recipients, greet, dnsbl, client_name, "
         "feed, networks, pipelining, non_smtp_command, bare_newline, deep, dialog, limits, rates, "
         "bans, grey, store, tls, log, "
         "admin"},
    };
    for (const row& r : rows) {
        DYNAMIC_SECTION(r.title)
        {
            const auto got = parse(r.toml);
            CHECK_FALSE(got.value);
            REQUIRE_FALSE(got.problems.empty());
            CHECK(lines_of(got).front() == r.want);
        }
    }
}

TEST_CASE("config: several errors come at once, in the order of the file", "[config]")
{
    const auto got = parse(R"([store]
path = "relative"
[greet]
banner = "a\tb"
wait = 6
[server]
listen = ["127.0.0.1:25", "127.0.0.1:25", "x"]
[tls]
level = "may"
)");
    CHECK_FALSE(got.value);
    CHECK(
        lines_of(got) ==
        lines{
            "t.toml:2:8: error: store.path: write an absolute path (found \"relative\")",
            "t.toml:4:10: error: greet.banner: a banner is one line of printable ASCII (found "
            "\"a\\x09b\")",
            "t.toml:5:8: error: greet.wait: expected a duration such as \"6s\", found an "
            "integer",
            "t.toml:7:27: error: server.listen: the same address twice (found "
            "\"127.0.0.1:25\")",
            "t.toml:7:43: error: server.listen: not an IP address; write 192.0.2.1 or 2001:db8::1 "
            "(found \"x\")",
            "t.toml:9:9: error: tls.level: \"may\" needs a certificate; write its file in "
            "tls.certificate or tls.chain_files"});
}

TEST_CASE("config: what a broken value would lead to is not told as well", "[config]")
{
    // Without its address, postfix-pass would complain about the default one.
    CHECK(parse("[backend]\nkind = \"postfix-pass\"\naddress = 5\n").problems.size() == 1);
    CHECK(parse("[backend]\nkind = \"postfix\"\naddress = \"unix:/a\"\n").problems.size() == 1);
    CHECK(parse("[dnsbl]\nmin_ttl = \"2h\"\nmax_ttl = 3\n").problems.size() == 1);
    CHECK(parse("[dnsbl]\nsites = [\"a.example*0\"]\nthreshold = 9\n").problems.size() == 1);
    CHECK(parse("[server]\nlisten = 25\n").problems.size() == 1);
}

TEST_CASE("config: every key refuses a value of another type", "[config]")
{
    for (const key& k : all_keys()) {
        CAPTURE(k.section, k.name);
        const std::string start =
            "[" + std::string(k.section) + "]\n" + std::string(k.name) + " = ";
        const auto got = parse(start + "1979-05-27\n");
        CHECK_FALSE(got.value);
        REQUIRE(got.problems.size() == 1);
        CHECK(got.problems[0].text.ends_with(", found a date or time"));
        CHECK(got.problems[0].column == k.name.size() + 4);
    }
}

TEST_CASE("config: a warning leaves the configuration usable", "[config]")
{
    struct row {
        const char* title;
        const char* toml;
        const char* want; ///< "" = none
    };
    static const row rows[] = {
        {"threshold nobody can reach",
         "[dnsbl]\nsites = [\"a.example*2\", \"b.example\", \"w.example*-5\"]\nthreshold = 4\n",
         "t.toml:3:13: warning: dnsbl.threshold: nobody can reach 4, the weights of all sites add "
         "up to 3"},
        {"threshold that sites and names together reach",
         "[dnsbl]\nsites = [\"a.example\"]\nthreshold = 3\n[client_name]\nno_ptr = 2\n"
         "unconfirmed_ptr = 1\n",
         ""},
        {"threshold that names do not reach",
         "[dnsbl]\nthreshold = 3\nallow_threshold = -1\n[client_name]\nno_ptr = 2\n"
         "unconfirmed_ptr = 2\n",
         "t.toml:2:13: warning: dnsbl.threshold: nobody can reach 3, the weights of all sites and "
         "names add up to 2"},
        {"threshold that everything together reaches",
         "[dnsbl]\nsites = [\"a.example*2\", \"b.example\"]\nthreshold = 3\n", ""},
        {"threshold without sites", "[dnsbl]\nthreshold = 3\n", ""},
        {"default threshold, and only an allowlist that allows nobody",
         "[dnsbl]\nsites = [\"w.example*-2\"]\n",
         "t.toml:2:9: warning: dnsbl.threshold: nobody can reach 1, the weights of all sites add "
         "up to 0"},
        {"only an allowlist", "[dnsbl]\nsites = [\"w.example*-2\"]\nallow_threshold = -2\n", ""},
        {"allow threshold nobody can reach",
         "[dnsbl]\nsites = [\"a.example\", \"w.example*-2\"]\nallow_threshold = -3\n",
         "t.toml:3:19: warning: dnsbl.allow_threshold: nobody can reach -3, the negative weights "
         "of all sites add up to -2"},
        {"name of a zone that no site has",
         "[dnsbl]\nsites = [\"a.example\"]\nreply_names = { \"b.example\" = \"b\" }\n",
         "t.toml:3:17: warning: dnsbl.reply_names: no site has the zone \"b.example\""},
    };
    for (const row& r : rows) {
        DYNAMIC_SECTION(r.title)
        {
            const auto got = parse(r.toml);
            CHECK(got.value);
            CHECK(lines_of(got) == (*r.want == '\0' ? lines{} : lines{r.want}));
        }
    }
}

TEST_CASE("config: a backend at our own address is a loop", "[config]")
{
    struct row {
        const char* listen;
        const char* address;
        bool want_loop;
    };
    static const row rows[] = {
        {"192.0.2.1:25", "192.0.2.1:25", true},
        {"192.0.2.1:25", "[::ffff:192.0.2.1]:25", true},
        {"192.0.2.1:25", "192.0.2.1:26", false},
        {"192.0.2.1:25", "192.0.2.2:25", false},
        {"0.0.0.0:25", "127.0.0.1:25", true},
        {"0.0.0.0:25", "192.0.2.2:25", false}, // most likely another host
        {"0.0.0.0:25", "0.0.0.0:25", true},
        {"127.0.0.1:25", "0.0.0.0:25", true}, // connects to loopback
        {"0.0.0.0:25", "[::1]:25", false},
        {"[::]:25", "[::1]:25", true},
    };
    for (const row& r : rows) {
        CAPTURE(r.listen, r.address);
        const auto got = parse("[server]\nlisten = [\"" + std::string(r.listen) +
                               "\"]\n[backend]\naddress = \"" + r.address + "\"\n");
        CHECK(got.value.has_value() != r.want_loop);
        if (r.want_loop)
            CHECK(lines_of(got) ==
                  lines{"t.toml:4:11: error: backend.address: \"" + std::string(r.address) +
                        "\" is where server.listen has us listen (\"" + r.listen +
                        "\"): each session would come back to us"});
    }
}

TEST_CASE("config: a host without a name has to be given one", "[config]")
{
    const auto got = parse_config("", "t.toml", "");
    CHECK(lines_of(got) == lines{"t.toml: error: server.hostname: this host has no name of its "
                                 "own; write one, such as \"mx1.example.org\""});
    CHECK(parse_config("[server]\nhostname = \"mx\"\n", "t.toml", "").value);
    CHECK_FALSE(parse_config("", "t.toml", "mx\r\n.example").value);
    CHECK_FALSE(parse_config("", "t.toml", std::string(254, 'a')).value);
}

TEST_CASE("config: a banner that does not fit in a reply line is an error", "[config]")
{
    const auto banner = [](std::size_t octets) {
        return parse("[greet]\nbanner = \"" + std::string(octets, 'a') + "\"\n").value.has_value();
    };
    CHECK(banner(506));
    CHECK_FALSE(banner(507));
}

TEST_CASE("config: each file with mistakes gives exactly the lines beside it", "[config]")
{
    const fs::path directory = source_root() / "tests/e2e/bad-configs";
    std::set<fs::path> files;
    for (const auto& entry : fs::directory_iterator{directory})
        if (entry.path().extension() == ".toml") files.insert(entry.path());
    CHECK(files.size() >= 25);
    for (const fs::path& file : files) {
        DYNAMIC_SECTION(file.filename().string())
        {
            const auto got = load(file);
            std::string text;
            for (const std::string& line : lines_of(got, directory))
                text += line + "\n";
            const auto expected = content(fs::path(file).replace_extension(".expected"));
            CHECK(text == expected);
            CHECK(got.value.has_value() == (expected.find(": error: ") == std::string::npos));
        }
    }
}

TEST_CASE("config: a macro of Postfix is told, where it would be taken as it stands", "[config]")
{
    const auto told = [](const std::string& toml) {
        const auto got = parse(toml);
        REQUIRE(got.value);
        return lines_of(got);
    };
    constexpr std::string_view why = " is Postfix's way to name a value and is not replaced here; "
                                     "write the value itself (found ";
    const auto warning = [&](const std::string& start, const std::string& found) {
        return lines{"t.toml:2:" + start + std::string{why} + found + ")"};
    };
    CHECK(told("[greet]\nbanner = \"$myhostname says $x\"\n") ==
          warning("10: warning: greet.banner: $myhostname", "\"$myhostname says $x\""));
    CHECK(told("[dialog]\nbanner = \"mx $(mail_name)\"\n") ==
          warning("10: warning: dialog.banner: $(mail_name)", "\"mx $(mail_name)\""));
    CHECK(told("[store]\npath = \"/var/lib/$mail_name/x.lmdb\"\n") ==
          warning("8: warning: store.path: $mail_name", "\"/var/lib/$mail_name/x.lmdb\""));
    CHECK(told("[dnsbl]\nreply_names = { \"a.example\" = \"$b\" }\nsites = [\"a.example\"]\n") ==
          warning("31: warning: dnsbl.reply_names: $b", "\"$b\""));
    for (const auto* toml : {"[greet]\nbanner = \"5$, $$ and $$myhostname, $6 $HOME\"\n",
                             "[dialog]\nreject_footer = \"$client_address, see example.org\"\n",
                             "[non_smtp_command]\nforbidden = [\"/^X$mail/\"]\n"})
        CHECK(told(toml) == lines{});
}

TEST_CASE("config: interfaces of which none is allowed are a warning", "[config]")
{
    const auto nobody = parse("[access]\nallowlist_interfaces = [\"!192.0.2.9\", \"!::/0\"]\n");
    REQUIRE(nobody.value);
    REQUIRE(nobody.problems.size() == 1);
    CHECK(nobody.problems[0].text.find("no address is allowed") != std::string::npos);
    CHECK(parse("[access]\nallowlist_interfaces = [\"!192.0.2.9\", \"::/0\"]\n").problems.empty());
}

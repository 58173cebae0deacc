// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/load.hpp"

#include "fendmail/app/config/keys.hpp"
#include "files.hpp"
#include "support/catch.hpp"
#include "support/servers.hpp"

using namespace fendmail;
using namespace fendmail::app;
using namespace fendmail::app::test_files;
using namespace std::chrono_literals;
using lines = std::vector<std::string>;
using screen::action;
using screen::test;

namespace {

std::vector<std::string> listen_of(const config& c)
{
    std::vector<std::string> out;
    for (const endpoint& at : c.startup.server.listen)
        out.push_back(to_text(at));
    return out;
}

/// The defaults as the draft of the configuration fixes them, each written out here.
void check_documented_defaults(const config& c)
{
    CHECK(listen_of(c) == lines{"[0.0.0.0]:25", "[::]:25"});
    CHECK(c.startup.server.workers == 0);
    CHECK(c.startup.server.user.empty());
    CHECK(c.startup.server.groups.empty());
    CHECK(c.startup.store.kind == store_kind::lmdb);
    CHECK(c.startup.store.path == "/var/lib/fendmail/clients.lmdb");

    const runtime_config& r = c.runtime;
    CHECK(r.hostname == "mx.example.org");
    CHECK(r.teaser == "mx.example.org ESMTP");
    CHECK(r.backend.kind == backend_kind::proxy_v2);
    CHECK(r.backend.address == "127.0.0.1:10025");
    CHECK(to_text(r.backend.tcp) == "[127.0.0.1]:10025");
    CHECK(r.backend.unix_path.empty());
    CHECK(r.backend.connect_timeout == 5s);
    CHECK(r.backend.greeting_timeout == 30s);
    CHECK(r.backend.idle_timeout == 10min);
    CHECK(r.proxy_protocol.trusted.size() == 0);
    CHECK(r.proxy_protocol.timeout == 5s);
    CHECK(r.dnsbl_sites.empty());
    CHECK(r.dnsbl.timeout == 10s);
    CHECK(r.dnsbl.test_interval == 5min);
    CHECK(r.resolvers.empty());
    CHECK(r.known_senders.domains.empty());
    CHECK(r.known_senders.refresh == 6h);
    CHECK(r.known_senders.max_age == 14 * 24h);
    CHECK((r.screening.known_senders == screen::exemption::all));
    CHECK(r.limits.clients_per_address == 50);
    CHECK(r.limits.screening == 10000);
    CHECK(r.limits.handing_off == 100);
    CHECK(r.store.retention == 168h);
    CHECK(r.store.sweep_interval == 12h);
    CHECK(r.log.format == event::log_format::postscreen);
    CHECK((r.log.target == io::log_destination{}));
    CHECK(r.log.ident == "fendmail");
    CHECK(r.log.hostname == "mx.example.org");
}

void check_documented_dialog(const runtime_config& r)
{
    CHECK(r.dialog.hostname == "mx.example.org");
    CHECK(r.dialog.greeting.empty());
    CHECK(r.dialog.command_limit == 20);
    CHECK(r.dialog.line_limit_octets == 2048);
    CHECK_FALSE(r.dialog.helo_required);
    CHECK_FALSE(r.dialog.disable_vrfy);
    CHECK_FALSE(r.dialog.soft_bounce);
    CHECK(r.dialog.hide_ehlo.empty());
    CHECK(r.command_time.limit == 5min);
    CHECK(r.command_time.limit_under_stress == 10s);
}

void check_documented_screening(const screen::policy& p)
{
    CHECK(p.tests[test::pregreet].enabled);
    CHECK(p.tests[test::pregreet].on_failure == action::enforce);
    CHECK(p.tests[test::pregreet].ttl == 24h);
    CHECK_FALSE(p.tests[test::dnsbl].enabled);
    CHECK(p.tests[test::dnsbl].on_failure == action::enforce);
    CHECK_FALSE(p.tests[test::pipelining].enabled);
    CHECK(p.tests[test::pipelining].on_failure == action::enforce);
    CHECK(p.tests[test::pipelining].ttl == 720h);
    CHECK_FALSE(p.tests[test::non_smtp_command].enabled);
    CHECK(p.tests[test::non_smtp_command].on_failure == action::drop);
    CHECK(p.tests[test::non_smtp_command].ttl == 720h);
    CHECK_FALSE(p.tests[test::bare_newline].enabled);
    CHECK(p.tests[test::bare_newline].on_failure == action::ignore);
    CHECK(p.tests[test::bare_newline].ttl == 720h);
    CHECK(p.access_action == action::enforce);
    CHECK(p.greet_wait == 6s);
    CHECK(p.greet_wait_under_stress == 2s);
    CHECK(p.dnsbl_threshold == 1);
    CHECK(p.dnsbl_allow_threshold == 0);
    CHECK(p.dnsbl_min_ttl == 60s);
    CHECK(p.dnsbl_max_ttl == 1h);
}

/// Text that is the default in every respect loads as the documented defaults.
void check_is_default(const loaded& got)
{
    REQUIRE(lines_of(got) == lines{});
    REQUIRE(got.value);
    check_documented_defaults(*got.value);
    check_documented_dialog(got.value->runtime);
    check_documented_screening(got.value->runtime.screening);
    const acl::access_list& access = got.value->runtime.access;
    const auto v4 = access.find(*parse_address("127.1.2.3"));
    REQUIRE(v4);
    CHECK(v4->decision == acl::decision::permit);
    CHECK(v4->rule == "permit 127.0.0.0/8");
    CHECK(access.find(*parse_address("::1")));
    CHECK_FALSE(access.find(*parse_address("192.0.2.1")));
}

/// Keys of every section but [dnsbl], at other values than their defaults.
constexpr std::string_view all_changed = R"(
[server]
listen = ["127.0.0.1:2525", "[::1]:0", "127.0.0.1:0", "127.0.0.1:0"]
workers = 3
user = "fendmail"
groups = ["postdrop", "mail"]
hostname = "mx2.example.net"
[backend]
kind = "xclient"
address = "[2001:db8::1]:24"
connect_timeout = "1500ms"
[access]
rules = ["REJECT 192.0.2.0/24"]
action = "drop"
[greet]
banner = "hello there"
wait = "4s"
wait_under_stress = "1s"
action = "drop"
ttl = "2d"
[dialog]
line_limit = "4KiB"
hide_ehlo = ["etrn", "DSN"]
command_limit = 7
soft_bounce = true
helo_required = true
disable_vrfy = true
command_time_limit = "1m"
[limits]
clients_per_address = 0
screening = 5
handing_off = 6
[store]
kind = "none"
path = "/tmp/x"
retention = "0s"
sweep_interval = "1h"
[log]
format = "logfmt"
target = "file:/var/log/f.log"
ident = "postfix/postscreen"
)";

} // namespace

TEST_CASE("config: an empty file means the documented defaults", "[config]")
{
    check_is_default(parse(""));
}

TEST_CASE("config: the shipped fendmail.toml means the documented defaults", "[config]")
{
    check_is_default(parse(default_config_text()));
}

TEST_CASE("config: the draft that others write by loads as a whole", "[config]")
{
    check_is_default(parse(content(source_root() / "tests/unit/app/config/draft.toml")));
}

TEST_CASE("config: the defaults of the structs are those of the table", "[config]")
{
    // What a test or a module fills by hand must not differ from what an admin gets.
    const auto got = parse("");
    REQUIRE(got.value);
    startup_config startup;
    startup.server.listen = got.value->startup.server.listen;
    CHECK(got.value->startup == startup);
    check_documented_screening(screen::policy{});
    runtime_config r;
    r.dialog.hostname = "mx.example.org";
    check_documented_dialog(r);
    CHECK(r.backend.address == got.value->runtime.backend.address);
    CHECK(r.backend.idle_timeout == got.value->runtime.backend.idle_timeout);
    CHECK(r.backend.connect_timeout == got.value->runtime.backend.connect_timeout);
    CHECK(r.backend.greeting_timeout == got.value->runtime.backend.greeting_timeout);
    CHECK(r.store.retention == got.value->runtime.store.retention);
    CHECK(r.store.sweep_interval == got.value->runtime.store.sweep_interval);
}

TEST_CASE("config: all shipped samples load without a problem", "[config]")
{
    std::size_t samples = 0;
    for (const auto& entry : fs::directory_iterator{source_root() / "config"}) {
        if (entry.path().extension() != ".toml") continue;
        ++samples;
        CAPTURE(entry.path());
        const auto got = load(entry.path());
        CHECK(lines_of(got) == lines{});
        CHECK(got.value);
    }
    CHECK(samples >= 5);
}

TEST_CASE("config: the sample access file loads", "[config]")
{
    const fs::path file = source_root() / "config/access.cidr";
    const auto got = parse("[access]\nrules = [\"reject file:" + file.string() + "\"]\n");
    REQUIRE(lines_of(got) == lines{});
    CHECK(got.value->runtime.access.find(*parse_address("198.51.100.7")));
    CHECK(got.value->runtime.access.find(*parse_address("2001:db8:bad:1::1")));
    CHECK_FALSE(got.value->runtime.access.find(*parse_address("198.51.100.8")));
}

TEST_CASE("config: dotted keys and inline tables are sections too", "[config]")
{
    const auto got = parse("greet.wait = \"4s\"\nserver = { workers = 3 }\n");
    REQUIRE(lines_of(got) == lines{});
    CHECK(got.value->runtime.screening.greet_wait == 4s);
    CHECK(got.value->startup.server.workers == 3);
}

TEST_CASE("config: what is written about server, backend and access arrives", "[config]")
{
    const auto whole = parse(all_changed);
    REQUIRE(lines_of(whole) == lines{});
    const config& c = *whole.value;
    CHECK(listen_of(c) == lines{"[127.0.0.1]:2525", "[::1]:0", "[127.0.0.1]:0", "[127.0.0.1]:0"});
    CHECK(c.startup.server.workers == 3);
    CHECK(c.startup.server.user == "fendmail");
    CHECK(c.startup.server.groups == lines{"postdrop", "mail"});
    CHECK(c.runtime.hostname == "mx2.example.net");
    CHECK(c.runtime.dialog.hostname == "mx2.example.net");
    CHECK(c.runtime.log.hostname == "mx2.example.net");
    CHECK(c.startup.store.kind == store_kind::none);
    CHECK(c.startup.store.path == "/tmp/x");
    CHECK(c.runtime.backend.kind == backend_kind::xclient);
    CHECK(to_text(c.runtime.backend.tcp) == "[2001:db8::1]:24");
    CHECK(c.runtime.backend.connect_timeout == 1500ms);
    const auto rejected = c.runtime.access.find(*parse_address("192.0.2.9"));
    REQUIRE(rejected);
    CHECK(rejected->decision == acl::decision::reject);
    CHECK(rejected->rule == "REJECT 192.0.2.0/24");
}

TEST_CASE("config: what is written about tests, dialog, limits and logs arrives", "[config]")
{
    const auto whole = parse(all_changed);
    REQUIRE(whole.value);
    const config& c = *whole.value;
    CHECK(c.runtime.screening.access_action == action::drop);
    CHECK(c.runtime.teaser == "hello there");
    CHECK(c.runtime.screening.greet_wait == 4s);
    CHECK(c.runtime.screening.greet_wait_under_stress == 1s);
    CHECK(c.runtime.screening.tests[test::pregreet].on_failure == action::drop);
    CHECK(c.runtime.screening.tests[test::pregreet].ttl == 48h);
    CHECK(c.runtime.dialog.line_limit_octets == 4096);
    CHECK(c.runtime.dialog.hide_ehlo == lines{"ETRN", "DSN"});
    CHECK(c.runtime.dialog.command_limit == 7);
    CHECK(c.runtime.dialog.soft_bounce);
    CHECK(c.runtime.dialog.helo_required);
    CHECK(c.runtime.dialog.disable_vrfy);
    CHECK(c.runtime.command_time.limit == 1min);
    CHECK(c.runtime.limits.clients_per_address == 0);
    CHECK(c.runtime.limits.screening == 5);
    CHECK(c.runtime.limits.handing_off == 6);
    CHECK(c.runtime.store.retention == 0s);
    CHECK(c.runtime.store.sweep_interval == 1h);
    CHECK(c.runtime.log.format == event::log_format::logfmt);
    CHECK(io::to_text(c.runtime.log.target) == "file:/var/log/f.log");
    CHECK(c.runtime.log.ident == "postfix/postscreen");
}

TEST_CASE("config: the admin's address is one with a port, a path or none", "[config]")
{
    const auto listen = [](const std::string& text) {
        const auto got =
            parse_config("[admin]\nlisten = \"" + text + "\"\n", "t.toml", "mx.example");
        REQUIRE(got.value);
        return got.value->startup.admin.listen;
    };
    CHECK((listen("[::1]:80") == listen_address{*parse_endpoint("[::1]:80"), {}}));
    CHECK((listen("unix:/run/a.sock") == listen_address{{}, "/run/a.sock"}));
    CHECK_FALSE(listen(""));
}

TEST_CASE("config: balancers are trusted by network", "[config]")
{
    const auto got = parse_config("[proxy_protocol]\ntimeout = \"750ms\"\n"
                                  "trusted = [\"192.0.2.8/30\", \"2001:db8::7\", "
                                  "\"::ffff:198.51.100.1\"]\n",
                                  "t.toml", "mx.example.org");
    REQUIRE(got.value);
    CHECK(got.problems.empty());
    const runtime_config& r = got.value->runtime;
    CHECK(r.proxy_protocol.timeout == 750ms);
    for (const char* trusted : {"192.0.2.8", "192.0.2.11", "2001:db8::7", "198.51.100.1"})
        CHECK(r.proxy_protocol.trusts(*parse_address(trusted)));
    for (const char* other : {"192.0.2.7", "192.0.2.12", "2001:db8::8", "198.51.100.2", "::1"})
        CHECK_FALSE(r.proxy_protocol.trusts(*parse_address(other)));
}

TEST_CASE("config: to trust everybody as a balancer is a warning", "[config]")
{
    for (const std::string everybody : {"0.0.0.0/0", "::/0"}) {
        const auto got = parse_config("[proxy_protocol]\ntrusted = [\"" + everybody + "\"]\n",
                                      "t.toml", "mx.example.org");
        REQUIRE(got.value);
        REQUIRE(got.problems.size() == 1);
        CHECK_FALSE(got.problems[0].fatal);
        CHECK(got.problems[0].text.starts_with("proxy_protocol.trusted: \"" + everybody));
    }
}

TEST_CASE("config: the DNSBL test is on when there are sites", "[config]")
{
    const auto got = parse(R"([dnsbl]
sites = ["a.example=127.0.0.2*3", "A.example=127.0.0.3", "b.example*-1"]
threshold = 4
allow_threshold = -1
action = "drop"
timeout = "500ms"
min_ttl = "2m"
max_ttl = "2m"
resolvers = ["192.0.2.53", "192.0.2.53:5353", "2001:db8::53", "[2001:db8::53]:53"]
reply_names = { "A.Example." = "shown.example" }
)");
    REQUIRE(lines_of(got) == lines{});
    const runtime_config& r = got.value->runtime;
    CHECK(r.screening.tests[test::dnsbl].enabled);
    CHECK(r.screening.tests[test::dnsbl].on_failure == action::drop);
    CHECK(r.screening.dnsbl_threshold == 4);
    CHECK(r.screening.dnsbl_allow_threshold == -1);
    CHECK(r.screening.dnsbl_min_ttl == 120s);
    CHECK(r.screening.dnsbl_max_ttl == 120s);
    CHECK(r.dnsbl.timeout == 500ms);
    CHECK(r.resolvers == test_support::servers({"192.0.2.53", "192.0.2.53:5353", "2001:db8::53",
                                                "[2001:db8::53]:53"}));
    REQUIRE(r.dnsbl_sites.zones.size() == 2);
    CHECK(r.dnsbl_sites.zones[0].zone == "a.example");
    CHECK(r.dnsbl_sites.zones[0].reply_name == "shown.example");
    CHECK(r.dnsbl_sites.zones[0].sites.size() == 2);
    CHECK(r.dnsbl_sites.zones[1].reply_name == "b.example");
}

TEST_CASE("config: a greet wait of 0s turns the pregreet test off", "[config]")
{
    const auto got = parse("[greet]\nwait = \"0s\"\n");
    REQUIRE(got.value);
    CHECK_FALSE(got.value->runtime.screening.tests[test::pregreet].enabled);
}

TEST_CASE("config: each kind of backend takes the addresses that suit it", "[config]")
{
    const auto backend = [](const std::string& kind, const std::string& address) {
        return parse("[backend]\nkind = \"" + kind + "\"\naddress = \"" + address + "\"\n");
    };
    const auto pass = backend("postfix-pass", "unix:/var/spool/postfix/public/smtpd");
    REQUIRE(lines_of(pass) == lines{});
    CHECK(pass.value->runtime.backend.kind == backend_kind::postfix_pass);
    CHECK(pass.value->runtime.backend.unix_path == "/var/spool/postfix/public/smtpd");
    CHECK(pass.value->runtime.backend.address == "unix:/var/spool/postfix/public/smtpd");
    for (const char* kind : {"proxy-v2", "proxy-v1", "xclient", "plain"}) {
        CAPTURE(kind);
        CHECK(lines_of(backend(kind, "192.0.2.1:25")) == lines{});
        CHECK(lines_of(backend(kind, "[2001:db8::1]:25")) == lines{});
        const auto socket = backend(kind, "unix:/run/mta");
        CHECK(lines_of(socket) == lines{});
        CHECK(socket.value->runtime.backend.unix_path == "/run/mta");
    }
    const std::string longest(106, 'a');
    CHECK(backend("postfix-pass", "unix:/" + longest).value);
    CHECK_FALSE(backend("postfix-pass", "unix:/a" + longest).value);
}

TEST_CASE("config: known senders are kept in the form in which they are asked for", "[config]")
{
    const auto got = parse("[known_senders]\nspf = [\"Gmail.COM.\", \"_spf.outlook.com\"]\n"
                           "skip = \"deep\"\nrefresh = \"2h\"\nmax_age = \"3d\"\n");
    REQUIRE(got.value);
    const runtime_config& r = got.value->runtime;
    CHECK(r.known_senders.domains == lines{"gmail.com", "_spf.outlook.com"});
    CHECK(r.known_senders.refresh == 2h);
    CHECK(r.known_senders.max_age == 72h);
    CHECK((r.screening.known_senders == screen::exemption::deep));
}

TEST_CASE("config: known senders are limited in number", "[config]")
{
    for (const int count : {100, 101}) {
        std::string list;
        for (int i = 0; i < count; ++i)
            list += "\"d" + std::to_string(i) + ".test\", ";
        const auto got = parse("[known_senders]\nspf = [" + list + "]\n");
        CHECK(got.value.has_value() == (count == 100));
        if (count == 100) continue;
        REQUIRE(got.problems.size() == 1);
        CHECK(got.problems.front().text ==
              "known_senders.spf: at most 100 domains can be looked up, found 101");
    }
}

TEST_CASE("config: names of clients have weights, and turn the lists' test on", "[config]")
{
    const auto off = parse("");
    REQUIRE(off.value);
    CHECK((off.value->runtime.screening.names == dnsbl::name_weights{}));
    CHECK_FALSE(off.value->runtime.screening.tests[screen::test::dnsbl].enabled);
    const auto got = parse("[client_name]\nno_ptr = 1\nunconfirmed_ptr = 2\nown_helo = 3\n"
                           "own_names = [\"mail.example.org\", \"192.0.2.9\"]\ntimeout = \"2s\"\n"
                           "[pipelining]\nenable = true\n[deep]\nafter = \"retry\"\n");
    REQUIRE(got.value);
    CHECK(got.problems.empty());
    const runtime_config& r = got.value->runtime;
    CHECK((r.screening.names == dnsbl::name_weights{1, 2, 3}));
    CHECK(r.screening.tests[screen::test::dnsbl].enabled);
    CHECK(r.client_name.timeout == 2s);
    const auto local = *parse_address("10.0.0.1");
    for (const std::string& name : {r.hostname, std::string{"mail.example.org"}})
        CHECK(r.dialog.own_names.has(name, local));
    CHECK(r.dialog.own_names.has_address(*parse_address("192.0.2.9")));
    const auto helo = parse("[client_name]\nown_helo = 3\n");
    REQUIRE(helo.value);
    CHECK_FALSE(helo.value->runtime.screening.tests[screen::test::dnsbl].enabled);
    CHECK(helo.problems.size() == 1); // no deep test is on
}

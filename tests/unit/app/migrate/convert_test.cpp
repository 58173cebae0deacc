// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/migrate/convert.hpp"

#include "conversion_case.hpp"
#include "fendmail/app/migrate/parameter_table.hpp"
#include "support/catch.hpp"

#include <fmt/format.h>
#include <random>

namespace fendmail::app::postscreen {
namespace {

using namespace std::chrono_literals;
using screen::action;
using screen::test;
using test_tables::files;
using texts = std::vector<std::string>;

constexpr std::string_view usual_master = "smtp inet n - y - 1 postscreen\n"
                                          "smtpd pass - - y - - smtpd\n";

bool permits(const conversion_case& c, const char* address)
{
    const auto found = c.runtime().access.find(*parse_address(address));
    return found && found->decision == acl::decision::permit;
}

} // namespace

TEST_CASE("convert: what is not set has postscreen's defaults, not fendmail's", "[migrate]")
{
    const conversion_case c{"compatibility_level = 3.6\n", usual_master};
    REQUIRE(c.errors().empty());
    const runtime_config& r = c.runtime();
    const screen::policy& p = r.screening;
    CHECK(p.tests[test::pregreet].enabled);
    CHECK(p.tests[test::pregreet].on_failure == action::ignore);
    CHECK(p.tests[test::dnsbl].on_failure == action::ignore);
    CHECK(p.tests[test::pipelining].on_failure == action::enforce);
    CHECK(p.tests[test::non_smtp_command].on_failure == action::drop);
    CHECK(p.tests[test::bare_newline].on_failure == action::ignore);
    CHECK(p.access_action == action::ignore);
    CHECK(p.greet_wait == 6s);
    CHECK(p.greet_wait_under_stress == 2s);
    CHECK(r.limits.screening == 100);
    CHECK(r.limits.handing_off == 100);
    CHECK(r.limits.clients_per_address == 50);
    CHECK(r.hostname == "box.example.org");
    CHECK(r.teaser == "box.example.org ESMTP Postfix");
    CHECK(r.dialog.greeting == "box.example.org ESMTP Postfix");
    CHECK(r.dialog.size_limit_octets == 10'240'000);
    CHECK(r.dialog.hide_ehlo.empty());
    CHECK(r.dialog.forbidden.matches("CONNECT"));
    CHECK(r.dialog.forbidden.matches("\x16\x03"));
    CHECK_FALSE(r.deep.relays());
    CHECK(r.log.target.to == io::log_destination::kind::syslog);
    CHECK(r.log.ident == "postfix/postscreen");
    // mynetworks_style = host
    CHECK(permits(c, "192.0.2.17"));
    CHECK_FALSE(permits(c, "192.0.2.18"));
    CHECK(c.warns_of("mynetworks is not set"));
}

TEST_CASE("convert: an old configuration has the defaults of its compatibility level", "[migrate]")
{
    const conversion_case c{"", usual_master};
    REQUIRE(c.errors().empty());
    CHECK(c.runtime().dialog.hide_ehlo == texts{"SMTPUTF8"});
    CHECK(c.runtime().log.words == event::log_words::old);
    // mynetworks_style = subnet
    CHECK(permits(c, "192.0.2.18"));
    CHECK_FALSE(permits(c, "192.0.2.33"));
}

TEST_CASE("convert: without postscreen a smtpd with PROXY protocol is the backend", "[migrate]")
{
    const conversion_case c{"", "smtp inet n - y - - smtpd\n"
                                "[::1]:10025 inet n - y - - smtpd\n"
                                "  -o smtpd_upstream_proxy_protocol=haproxy\n"};
    REQUIRE(c.errors().empty());
    CHECK(c.runtime().backend.kind == backend_kind::proxy_v2);
    CHECK(to_text(c.runtime().backend.tcp) == "[::1]:10025");
    CHECK(c.warns_of("no postscreen service"));
    const conversion_case for_all{"smtpd_upstream_proxy_protocol = haproxy\n",
                                  "smtp inet n - y - - smtpd\n"
                                  "192.0.2.1:10025 inet n - y - - smtpd\n"};
    CHECK(to_text(for_all.runtime().backend.tcp) == "[192.0.2.1]:10025");
}

TEST_CASE("convert: times have Postfix's units", "[migrate]")
{
    const conversion_case c{"postscreen_greet_wait = 1m\n"
                            "postscreen_greet_ttl = 2\n"
                            "postscreen_dnsbl_ttl = 3h\n"
                            "postscreen_pipelining_ttl = 1wx\n"
                            "postscreen_bare_newline_ttl = 90\n"
                            "postscreen_cache_cleanup_interval = 0\n"
                            "postscreen_command_time_limit = 2h\n"
                            "postscreen_dnsbl_min_ttl = 4h\n"
                            "postscreen_cache_retention_time = never\n",
                            usual_master};
    REQUIRE(c.errors().empty());
    const screen::policy& p = c.runtime().screening;
    CHECK(p.greet_wait == 60s);
    CHECK(p.greet_wait_under_stress == 60s);
    CHECK(p.tests[test::pregreet].ttl == 48h);
    CHECK(p.dnsbl_max_ttl == 3h);
    CHECK(p.dnsbl_min_ttl == 3h);
    CHECK(p.tests[test::pipelining].ttl == 168h);
    CHECK(p.tests[test::bare_newline].ttl == 90 * 24h);
    CHECK(c.runtime().store.sweep_interval == 365 * 24h);
    CHECK(c.runtime().command_time.limit == 1h);
    CHECK(c.runtime().store.retention == 168h);
    CHECK(c.warns_of("postscreen_cache_retention_time: not a time"));
    CHECK(c.warns_of("postscreen_command_time_limit: dialog.command_time_limit takes"));
}

TEST_CASE("convert: an empty banner turns the pregreet test off, lists wait no longer", "[migrate]")
{
    const conversion_case c{"postscreen_greet_banner =\npostscreen_dnsbl_sites = bl.example\n",
                            usual_master};
    REQUIRE(c.errors().empty());
    CHECK_FALSE(c.runtime().screening.tests[test::pregreet].enabled);
    CHECK(c.runtime().dnsbl.timeout == 6s);
}

TEST_CASE("convert: sites with weights and filters", "[migrate]")
{
    const conversion_case c{"postscreen_dnsbl_sites = a.example*+2,b.example=127.0.0.[1..3]\n"
                            "  c.example*0 d.example*-3 a.example=127.0.0.4*5 e_.example f*1x\n"
                            "  g.example*1234\n"
                            "postscreen_dnsbl_threshold = 0\n"
                            "postscreen_dnsbl_whitelist_threshold = 2\n",
                            usual_master};
    REQUIRE(c.errors().empty());
    texts zones;
    for (const auto& zone : c.runtime().dnsbl_sites.zones)
        zones.push_back(fmt::format("{} {}", zone.zone, zone.sites.front().weight));
    CHECK(zones == texts{"a.example 2", "b.example 1", "d.example -3", "g.example 1000"});
    CHECK(c.runtime().dnsbl_sites.zones[0].sites.size() == 2);
    CHECK(c.runtime().screening.dnsbl_threshold == 1);
    CHECK(c.runtime().screening.dnsbl_allow_threshold == 0);
    CHECK(c.warns_of("site 6: "));
    CHECK(c.warns_of("site 7: "));
    CHECK(c.warns_of("site 8: a weight is at most 1000 here"));
}

TEST_CASE("convert: names for replies come from the map, whatever its type", "[migrate]")
{
    constexpr std::string_view sites = "postscreen_dnsbl_sites = KEY.zen.example*2, bl.example\n"
                                       "postscreen_dnsbl_reply_map = ";
    const files known{{"/t", "key.zen.example  zen.example\n"}, {"/p", "/^key\\.(.*)/ $1\n"}};
    for (const char* map :
         {"texthash:/t", "hash:/t", "regexp:/p", "pcre:/p",
          "inline:{ { key.zen.example = zen.example } }", "pcre:{ {/^key\\./ zen.example} }"}) {
        CAPTURE(map);
        const conversion_case c{fmt::format("{}{}\n", sites, map), usual_master, known};
        REQUIRE(c.errors().empty());
        CHECK(c.runtime().dnsbl_sites.zones.at(0).reply_name == "zen.example");
        CHECK(c.runtime().dnsbl_sites.zones.at(1).reply_name == "bl.example");
        CHECK(c.made.remarks.size() == 2); // mynetworks, the third column
    }
}

TEST_CASE("convert: keys of zones are in no remark, and clients are not told them", "[migrate]")
{
    constexpr std::string_view key = "abcdefghij0123456789abcdef";
    for (const char* rest :
         {".zen.example*0", ".zen.example*x", ".zen.example=1.2*1", ".zen.exa_mple!",
          ".zen.example", ".zen.example*99999",
          ".zen.example\npostscreen_dnsbl_reply_map = mysql:/x",
          ".zen.example\npostscreen_dnsbl_reply_map = hash:/missing",
          ".zen.example\npostscreen_dnsbl_reply_map = inline:{abcdefghij0123456789abcdef.x"}) {
        CAPTURE(rest);
        const conversion_case c{
            fmt::format("postscreen_dnsbl_sites = bl.example, {}{}\n", key, rest), usual_master};
        REQUIRE(c.errors().empty());
        for (const std::string& remark : c.remarks())
            CHECK(remark.find(key) == std::string::npos);
        for (const auto& zone : c.runtime().dnsbl_sites.zones)
            CHECK(zone.reply_name.find(key) == std::string::npos);
        // In the file the key stands where it is needed and in no comment.
        std::size_t lines_with_key = 0;
        for (std::size_t at = 0; (at = c.made.toml.find(key, at)) != std::string::npos; ++at) {
            const std::size_t begin = c.made.toml.rfind('\n', at) + 1;
            CHECK(c.made.toml[begin] != '#');
            ++lines_with_key;
        }
        CHECK(lines_with_key <= 2);
    }
}

TEST_CASE("convert: access tables become rules or files of networks", "[migrate]")
{
    std::string table;
    for (int i = 0; i < 30; ++i)
        table += fmt::format("198.51.{}.0/24 reject\n", 100 + i);
    const conversion_case c{"mynetworks = 10.0.0.0/8\npostscreen_denylist_action = drop\n"
                            "postscreen_access_list = permit_mynetworks, cidr:/t\n",
                            usual_master, files{{"/t", "192.0.2.7 permit\n" + table}}};
    REQUIRE(c.errors().empty());
    CHECK(permits(c, "10.1.2.3"));
    CHECK(permits(c, "192.0.2.7"));
    CHECK(c.runtime().access.find(*parse_address("198.51.129.1"))->decision ==
          acl::decision::reject);
    CHECK(c.runtime().screening.access_action == action::drop);
    CHECK(c.made.access_files.empty());

    const conversion_case with_files{
        "mynetworks = 10.0.0.0/8\npostscreen_access_list = permit_mynetworks, cidr:/a/t.cidr, "
        "cidr:/b/t.cidr\n",
        usual_master, files{{"/a/t.cidr", table}, {"/b/t.cidr", "0.0.0.0/0 permit\n" + table}},
        true};
    REQUIRE(with_files.made.access_files.size() == 2);
    CHECK(with_files.made.access_files[0].first == "t-1-reject.cidr");
    CHECK(with_files.has("\"reject file:t-1-reject.cidr\","));
    CHECK(with_files.has("\"permit file:t-1-permit.cidr\","));
}

TEST_CASE("convert: interfaces on which a client may earn its pass", "[migrate]")
{
    const auto allowed = [](std::string_view list, const char* address) {
        const conversion_case c{fmt::format("postscreen_allowlist_interfaces = {}\n", list),
                                usual_master};
        REQUIRE(c.errors().empty());
        const acl::access_list& interfaces = c.runtime().allowlist_interfaces;
        if (interfaces.empty()) return true;
        const auto found = interfaces.find(*parse_address(address));
        return found && found->decision == acl::decision::permit;
    };
    CHECK(allowed("static:all", "192.0.2.1"));
    CHECK_FALSE(allowed("!192.0.2.9, static:all", "192.0.2.9"));
    CHECK(allowed("!192.0.2.9, static:all", "2001:db8::1"));
    CHECK(allowed("192.0.2.0/24", "192.0.2.9"));
    CHECK_FALSE(allowed("192.0.2.0/24", "198.51.100.1"));
    // Whatever is wrong with the list, postscreen fails closed.
    CHECK_FALSE(allowed("mx.example.org", "192.0.2.1"));
}

TEST_CASE("convert: keywords hidden from some replace those hidden from all", "[migrate]")
{
    const conversion_case c{"compatibility_level = 3.6\nmynetworks = 10.0.0.1\n"
                            "smtpd_discard_ehlo_keywords = dsn, silent-discard, foo\n"
                            "postscreen_discard_ehlo_keyword_address_maps = cidr:/t\n",
                            usual_master,
                            files{{"/t", "192.0.2.64/26 starttls\n192.0.2.0/24 silent-discard\n"}}};
    REQUIRE(c.errors().empty());
    CHECK(c.runtime().dialog.hide_ehlo == texts{"DSN"});
    const auto hidden = [&](const char* address) {
        const auto words = c.runtime().hide_ehlo_from.of(*parse_address(address));
        return words ? texts(words->begin(), words->end()) : texts{"those for all"};
    };
    CHECK(hidden("192.0.2.65") == texts{"STARTTLS"});
    CHECK(hidden("192.0.2.1").empty());
    CHECK(hidden("198.51.100.1") == texts{"those for all"});
    CHECK(hidden("2001:db8::1") == texts{"those for all"});
}

TEST_CASE("convert: the reject footer keeps its macros, in a form that TOML leaves alone",
          "[migrate]")
{
    const auto footer = [](std::string_view text) {
        const conversion_case c{fmt::format("smtpd_reject_footer = {}\n", text), usual_master};
        REQUIRE(c.errors().empty());
        return c.runtime().reject_footer;
    };
    CHECK(footer("\\c. See ${client_address}:$(client_port) $localtime") ==
          "\\c. See $client_address:$client_port $localtime");
    CHECK(footer("for $$5 ${server_name}s") == "for $$5 $server_name s");
    CHECK(footer("a ${unknown?x} $ b ${client_address") == "a   b ");
    CHECK(footer("gr\xc3\xbc\xc3\x9f") == "gr????");
}

TEST_CASE("convert: forbidden commands with patterns and tables", "[migrate]")
{
    const conversion_case c{"postscreen_forbidden_commands = GET, !PUT, pcre:/p, hash:/h\n"
                            "  regexp:{ {/^X/ x}, {!/Y/ y} } cidr:/no\n",
                            usual_master,
                            files{{"/p", "/^(?=A)B/ x\n/^PROP/ y\n"}, {"/h", "HEAD x\nnope\n"}}};
    REQUIRE(c.errors().empty());
    CHECK(c.has("forbidden = [\"GET\", \"/^PROP/\", \"HEAD\", \"/^X/\"]"));
    for (const char* remark : {"!PUT", "/p:1: warning: a pattern that RE2", "/h:2: ", "cidr:/no"})
        CHECK(c.warns_of(remark));
}

TEST_CASE("convert: what is not done here is said in the file and on standard error", "[migrate]")
{
    const conversion_case c{"mynetworks = 10.0.0.1\n"
                            "postscreen_command_filter = pcre:/x\n"
                            "smtpd_reject_footer_maps = regexp:/x\n"
                            "postscreen_watchdog_timeout = 30s\n"
                            "max_idle = 100s\n"
                            "postscreen_no_such = x\n"
                            "alias_maps = hash:/etc/aliases\n",
                            usual_master};
    REQUIRE(c.errors().empty());
    for (const char* name : {"postscreen_command_filter", "smtpd_reject_footer_maps",
                             "postscreen_watchdog_timeout", "postscreen_no_such"})
        CHECK(c.has(fmt::format("{} (main.cf:", name)));
    // At its default, and none of our business.
    CHECK_FALSE(c.has("max_idle"));
    CHECK_FALSE(c.has("alias_maps"));
    CHECK(c.remarks().size() == 4); // with the third column
}

TEST_CASE("convert: whatever main.cf says, the result can be used", "[migrate]")
{
    static const texts values{"",
                              "yes",
                              "no",
                              "0",
                              "-1",
                              "99999999999999999999",
                              "17",
                              "$name",
                              "${",
                              "${x?{a}}",
                              "a b c",
                              "\"quoted\"",
                              "'",
                              "\\",
                              "gr\xc3\xbc\xfc",
                              "{",
                              "drop",
                              "ignore",
                              "1h",
                              "52w",
                              "1",
                              "static:all",
                              "permit",
                              "cidr:{ {0.0.0.0/0 x} }",
                              "inline:{a=b}",
                              "encrypt",
                              "a*b=c",
                              "x.example*3",
                              "k.zen.dq.spamhaus.net*3 K.ZEN.dq.spamhaus.net=127.0.0.1",
                              "abcdefghijklmnop1234.a.example",
                              "a # b",
                              "mx.example.org, gone.example",
                              "${mail_version} $undefined",
                              "[::1]/128, !10.0.0.0/8",
                              "haproxy",
                              "${HOME}",
                              "]]",
                              "# no comment",
                              "/",
                              "unix:/x",
                              "=",
                              "\x7f\x01\x1b[0m",
                              std::string(2000, 'x'),
                              "memcache:/x",
                              "btree:",
                              "regexp:{ {/a/ b} }"};
    std::mt19937 random{10};
    for (int round = 0; round < 1000; ++round) {
        std::string main, options;
        for (const parameter& p : all_parameters()) {
            if (random() % 4 != 0) continue;
            // Certificates are read when the result is loaded.
            if (p.keys.starts_with("tls.")) continue;
            const std::string& value = values[random() % values.size()];
            if (random() % 6 == 0 && value.find('{') == std::string::npos)
                options += fmt::format(" -o {{{} = {}}}", p.name, value);
            else
                main += fmt::format("{} = {}\n", p.name, value);
        }
        const conversion_case c{main, fmt::format("smtp inet n - y - 1 postscreen{}\n"
                                                  "smtpd pass - - y - - smtpd\n",
                                                  options)};
        CAPTURE(main, options, c.made.toml);
        REQUIRE(c.errors() == texts{});
    }
}

} // namespace fendmail::app::postscreen

// SPDX-License-Identifier: Apache-2.0
// What cannot be carried over as it is, or differs: written, or told in both places.
#include "conversion_case.hpp"

#include "fendmail/app/config/keys.hpp"
#include "support/catch.hpp"

#include <fmt/format.h>
#include <set>

namespace fendmail::app::postscreen {
namespace {

using test_tables::files;
using texts = std::vector<std::string>;

constexpr std::string_view usual_master = "smtp inet n - y - 1 postscreen\n"
                                          "smtpd pass n - y - - smtpd\n";

conversion_case from(std::string_view main)
{
    return conversion_case{fmt::format("mynetworks = 127.0.0.1\n{}", main), usual_master};
}

} // namespace

TEST_CASE("convert: what postscreen does by default and fendmail does not is written", "[migrate]")
{
    const conversion_case c{"smtpd_tls_security_level = may\n"
                            "smtpd_client_connection_count_limit = 2\n"
                            "smtpd_tls_cert_file = /c.pem\n",
                            usual_master};
    CHECK(c.has("\nclients_per_address = 2\n"));
    // Of each kind of client there is one for each address.
    CHECK(c.has("[limits]"));
    const std::string limits = c.made.toml.substr(c.made.toml.find("[limits]"));
    CHECK(limits.substr(0, limits.find("[store]")).find("\nipv6_prefix = 128\n") !=
          std::string::npos);
    const std::string store = limits.substr(limits.find("[store]"));
    CHECK(store.substr(0, store.find("[tls]")).find("\nipv6_prefix = 128\n") != std::string::npos);
    CHECK(c.has("\nhandshake_timeout = \"5m\"\n"));

    const auto time = [](std::string_view main) {
        return from(
            fmt::format("smtpd_tls_security_level = may\nsmtpd_tls_cert_file = /c\n{}", main));
    };
    CHECK(time("postscreen_command_time_limit = 90s\n").has("\nhandshake_timeout = \"90s\"\n"));
    CHECK(time("smtpd_starttls_timeout = 30s\n").has("\nhandshake_timeout = \"30s\"\n"));
}

TEST_CASE("convert: no key of what postscreen does as well is left to fendmail's own default",
          "[migrate]")
{
    // A change that adds a key to one of these sections says here what postscreen does.
    const std::set<std::string> alike{"access.action",
                                      "access.allowlist_interfaces",
                                      "greet.wait",
                                      "greet.wait_under_stress",
                                      "greet.ttl",
                                      "dnsbl.threshold",
                                      "dnsbl.allow_threshold",
                                      "dnsbl.timeout",
                                      "dnsbl.min_ttl",
                                      "dnsbl.max_ttl",
                                      "pipelining.enable",
                                      "pipelining.action",
                                      "pipelining.ttl",
                                      "non_smtp_command.enable",
                                      "non_smtp_command.action",
                                      "non_smtp_command.ttl",
                                      "bare_newline.enable",
                                      "bare_newline.action",
                                      "bare_newline.ttl",
                                      "deep.ipv4_prefix",
                                      "dialog.command_limit",
                                      "dialog.command_time_limit",
                                      "dialog.command_time_limit_under_stress",
                                      "dialog.line_limit",
                                      "dialog.helo_required",
                                      "dialog.disable_vrfy",
                                      "dialog.hide_ehlo",
                                      "dialog.hide_ehlo_from",
                                      "dialog.reject_footer",
                                      "dialog.soft_bounce",
                                      "limits.clients_per_address",
                                      "limits.handing_off",
                                      "store.retention",
                                      "store.sweep_interval",
                                      "store.kind"};
    const conversion_case c{"compatibility_level = 3.6\n", usual_master};
    for (const key& k : all_keys()) {
        const std::string name = fmt::format("{}.{}", k.section, k.name);
        const bool is_ours = k.section == "access" || k.section == "greet" ||
                             k.section == "pipelining" || k.section == "non_smtp_command" ||
                             k.section == "bare_newline" || k.section == "deep" ||
                             k.section == "limits" || k.section == "store" || alike.contains(name);
        if (!is_ours) continue;
        CAPTURE(name);
        const auto section = c.made.toml.find(fmt::format("\n[{}]\n", k.section));
        const bool is_written =
            section != std::string::npos &&
            c.made.toml.substr(section, c.made.toml.find("\n[", section + 1) - section)
                    .find(fmt::format("\n{} = ", k.name)) != std::string::npos;
        CHECK((alike.contains(name) || is_written));
    }
}

TEST_CASE("convert: a filter that can never count is told", "[migrate]")
{
    for (const char* site : {"own-allow.example.org=127.0.0.1*-5", "own.example.org=127.255.255.1",
                             "own.example.org=10.0.0.1", "bl.spamcop.net=127.0.0.[3..9]"}) {
        CAPTURE(site);
        const auto c = from(fmt::format("postscreen_dnsbl_sites = x.example {}\n", site));
        REQUIRE(c.errors().empty());
        CHECK(c.has(fmt::format("\"{}\"", site))); // it stays, and does no harm
        CHECK(c.warns_of("postscreen_dnsbl_sites: site 2: no answer that counts here"));
        CHECK(c.marks("site 2: no answer that counts here matches its filter"));
    }
    CHECK_FALSE(from("postscreen_dnsbl_sites = x.example=127.0.0.[1..2]\n").warns_of("site 1"));
}

TEST_CASE("convert: the version of Postfix is not known here, and that is said", "[migrate]")
{
    const auto c = from("smtpd_banner = $myhostname ESMTP $mail_name ($mail_version)\n");
    REQUIRE(c.errors().empty());
    CHECK(c.runtime().dialog.greeting == "box.example.org ESMTP Postfix ()");
    CHECK(c.warns_of("smtpd_banner: what Postfix has for $mail_version is not in what was read"));
    CHECK(c.marks("what Postfix has for $mail_version is not in what was read"));
    // Told where it matters: the teaser is made of the same value.
    CHECK(c.remarks().size() == 1);

    const auto known = from("mail_version = 3.7.11\nsmtpd_banner = $mail_version\n");
    CHECK(known.remarks().empty());
    CHECK(known.runtime().teaser == "3.7.11");
}

TEST_CASE("convert: a name that nobody set stands for nothing, and that is said", "[migrate]")
{
    const auto c = from("postscreen_dnsbl_threshold = $treshold\n"
                        "smtpd_tls_security_level = may\n"
                        "smtpd_tls_cert_file = ${tls_dir}/c.pem\n"
                        "postscreen_greet_action = ${strict?{drop}:{enforce}}\n");
    CHECK(c.warns_of("postscreen_dnsbl_threshold: $treshold is set nowhere here"));
    CHECK(c.warns_of("smtpd_tls_cert_file: $tls_dir is set nowhere here"));
    CHECK(c.marks("$treshold is set nowhere here"));
    const conversion_case proxy{"smtpd_tls_security_level = may\n",
                                "smtp inet n - y - 1 postscreen\n"
                                "tlsproxy unix - - y - 0 tlsproxy\n"
                                "  -o smtpd_tls_cert_file=${nowhere}/c.pem\n"};
    CHECK(proxy.warns_of("smtpd_tls_cert_file: $nowhere is set nowhere here"));
    // To ask about a name is no mistake.
    CHECK_FALSE(c.warns_of("$strict"));
}

TEST_CASE("convert: a \"#\" behind a value is named", "[migrate]")
{
    const auto c = from("postscreen_greet_action = enforce # as they say\n"
                        "postscreen_dnsbl_sites = bl.example*2 # good one\n"
                        "postscreen_access_list = permit_mynetworks, # cidr:/old, cidr:/t\n"
                        "inet_interfaces = all #\n"
                        "smtpd_banner = we are # 1\n"
                        "postscreen_reject_footer = \\c. Ticket #5\n"
                        "alias_maps = hash:/x # not ours\n");
    for (const char* name : {"postscreen_greet_action", "postscreen_dnsbl_sites",
                             "postscreen_access_list", "inet_interfaces"}) {
        CAPTURE(name);
        CHECK(c.warns_of(fmt::format("{}: the \"#\" in it begins no comment", name)));
        CHECK(c.marks(fmt::format("{}: the \"#\" in it begins no comment", name)));
    }
    CHECK_FALSE(c.warns_of("smtpd_banner: the"));
    CHECK_FALSE(c.warns_of("footer: the"));
    CHECK_FALSE(c.warns_of("alias_maps"));
    // As Postfix: the search ends at a word that it does not know.
    CHECK_FALSE(c.has("cidr:/t\n"));
    CHECK(c.marks("\"#\" is none of permit, reject, dunno, permit_mynetworks"));
    const auto table = from("postscreen_access_list = #cidr:/old, reject\n");
    CHECK(table.marks("postscreen_access_list: the \"#\" in it begins no comment"));
    CHECK(table.has("# \"reject 0.0.0.0/0\","));
}

TEST_CASE("convert: a log file of Postfix's own is not fendmail's", "[migrate]")
{
    const auto c = from("maillog_file = /var/log/maillog\n");
    CHECK(c.has("\ntarget = \"stderr\"\n"));
    CHECK(c.warns_of("Postfix's own log file /var/log/maillog: fendmail's lines are not in it"));
    CHECK(c.marks("Postfix's own log file /var/log/maillog: fendmail's lines are not in it"));
    // In a container both write to its log.
    CHECK(from("maillog_file = /dev/stdout\n").remarks().empty());
    CHECK(from("").has("\ntarget = \"syslog\"\n"));
}

TEST_CASE("convert: certificates with two kinds of key are both converted", "[migrate]")
{
    const auto c = from("smtpd_tls_security_level = may\n"
                        "smtpd_tls_cert_file = /t/rsa.crt\nsmtpd_tls_key_file = /t/rsa.key\n"
                        "smtpd_tls_eccert_file = /t/ec.crt\nsmtpd_tls_eckey_file = /t/ec.key\n");
    CHECK(c.has("certificate = \"/t/rsa.crt\""));
    CHECK(c.has("key = \"/t/rsa.key\""));
    CHECK(c.has("chain_files = [\"/t/ec.key\", \"/t/ec.crt\"]"));
    CHECK(c.remarks().empty());
    for (const char* key : {"/t/rsa.key", "/t/ec.key"})
        CHECK(c.has(fmt::format("The TLS key {} has to be readable", key)));

    const auto alone = from("smtpd_tls_security_level = may\n"
                            "smtpd_tls_eccert_file = /t/ec.pem\n");
    CHECK(alone.has("certificate = \"/t/ec.pem\""));
    CHECK(alone.has("The TLS key /t/ec.pem has to be readable"));
}

TEST_CASE("convert: whatever standard error says stands in the file as well", "[migrate]")
{
    const conversion_case c{"mynetworks = 127.0.0.1, name.example\n"
                            "postscreen_greet_wait = soon\npostscreen_nonsense = 1\n"
                            "postscreen_command_filter = pcre:/x\nno parameter\n"
                            "postscreen_access_list = hash:/missing, nonsense\n"
                            "postscreen_dnsbl_sites = _x_.example, b.example*5000\n"
                            "postscreen_upstream_proxy_protocol = other\n",
                            "smtp inet n - y - 1 postscreen -o\n"
                            "odd:port inet n - y - 1 postscreen\n"};
    CHECK(c.made.remarks.size() >= 11);
    for (const remark& r : c.made.remarks) {
        const std::size_t colon = r.text.find(": ");
        CAPTURE(r.text);
        CHECK(
            (c.marks(r.text) || (colon != std::string::npos && c.marks(r.text.substr(colon + 2)))));
    }
}

TEST_CASE("convert: the cache of Postfix 3.11 may be of another type", "[migrate]")
{
    CHECK(from("default_cache_db_type = lmdb\n")
              .has("postmap -s lmdb:/var/lib/postfix/postscreen_cache"));
    CHECK(from("postscreen_cache_map = lmdb:/x\n").has("postmap -s lmdb:/x |"));
    // Who says nothing has what Postfix was built with, which only Postfix knows.
    CHECK(from("").has("postmap -s $(postconf -hx postscreen_cache_map)"));
    const auto newest = from("postscreen_tls_loglevel_maps = cidr:/x\n"
                             "postscreen_tls_trace_size_limit = 5\n"
                             "postscreen_blacklist_action = drop\npostscreen_dnsbl_ttl = 2h\n"
                             "postscreen_whitelist_interfaces = static:all\n"
                             "tls_trace_rate_limit = 1\n");
    CHECK(newest.remarks().empty());
    CHECK(newest.has("\naction = \"drop\"\n"));
    CHECK(newest.has("\nmax_ttl = \"2h\"\n"));
    const conversion_case table{"mynetworks = 10.0.0.0/8\n"
                                "postscreen_access_list = $default_database_type:/t\n",
                                usual_master, files{{"/t", "192.0.2.1 reject\n"}}};
    CHECK(table.has("\"reject 192.0.2.1\""));
}

} // namespace fendmail::app::postscreen

// SPDX-License-Identifier: Apache-2.0
// Where fendmail listens, where it hands clients to, and what master.cf has besides.
#include "conversion_case.hpp"

#include "support/catch.hpp"

#include <fmt/format.h>

namespace fendmail::app::postscreen {
namespace {

using texts = std::vector<std::string>;

constexpr std::string_view usual_master = "smtp inet n - y - 1 postscreen\n"
                                          "smtpd pass n - y - - smtpd\n";

texts v4_and_v6(const char* port)
{
    return {fmt::format("[0.0.0.0]:{}", port), fmt::format("[::]:{}", port)};
}

texts listen(std::string_view main, std::string_view master)
{
    const conversion_case c{main, master};
    CHECK(c.errors().empty());
    return c.listen();
}

} // namespace

TEST_CASE("convert: addresses to listen on", "[migrate]")
{
    CHECK(listen("", usual_master) == v4_and_v6("25"));
    CHECK(listen("inet_protocols = ipv4\n", usual_master) == texts{"[0.0.0.0]:25"});
    CHECK(listen("inet_interfaces = loopback-only\n", usual_master) ==
          texts{"[127.0.0.1]:25", "[::1]:25"});
    CHECK(listen("inet_interfaces = 192.0.2.1, [2001:db8::1]\ninet_protocols = ipv6\n",
                 usual_master) == texts{"[2001:db8::1]:25"});
    CHECK(listen("", "192.0.2.1:smtp inet n - y - 1 postscreen\n"
                     "[2001:db8::1]:2525 inet n - y - 1 postscreen\n"
                     "26 inet n - y - 1 postscreen\n") ==
          texts{"[192.0.2.1]:25", "[2001:db8::1]:2525", "[0.0.0.0]:26", "[::]:26"});
}

TEST_CASE("convert: names to listen on are looked up, as Postfix does it", "[migrate]")
{
    const conversion_case c{"myhostname = mx.example.org\n"
                            "inet_interfaces = $myhostname, localhost\n",
                            usual_master};
    REQUIRE(c.errors().empty());
    CHECK(c.listen() ==
          texts{"[192.0.2.17]:25", "[2001:db8::17]:25", "[127.0.0.1]:25", "[::1]:25"});
    CHECK(c.warns_of("mx.example.org is 192.0.2.17, 2001:db8::17 here and now"));
    CHECK(c.marks("mx.example.org is 192.0.2.17, 2001:db8::17 here and now"));

    const conversion_case service{"inet_protocols = ipv4\n",
                                  "mx.example.org:smtp inet n - y - 1 postscreen\n"
                                  "smtpd pass n - y - - smtpd\n"};
    CHECK(service.listen() == texts{"[192.0.2.17]:25"});
    CHECK(service.marks("mx.example.org is 192.0.2.17 here and now"));
}

TEST_CASE("convert: a name that is not known leaves no port closed", "[migrate]")
{
    // 192.0.2.1 is one of all.
    const conversion_case c{"inet_interfaces = gone.example.org, localhost, 192.0.2.1\n",
                            usual_master};
    REQUIRE(c.errors().empty());
    CHECK(c.listen() == v4_and_v6("25"));
    CHECK(c.warns_of("gone.example.org has no address"));
    CHECK(c.marks("gone.example.org has no address"));

    const conversion_case service{"", "192.0.2.1:smtp inet n - y - 1 postscreen\n"
                                      "gone.example.org:2525 inet n - y - 1 postscreen\n"};
    CHECK(service.listen() == texts{"[192.0.2.1]:25", "[0.0.0.0]:2525", "[::]:2525"});
}

TEST_CASE("convert: who listens on loopback because of a name is told", "[migrate]")
{
    // What Debian's /etc/hosts makes of a host's own name.
    const conversion_case c{"inet_interfaces = $myhostname, localhost\n", usual_master};
    REQUIRE(c.errors().empty());
    CHECK(c.listen() == texts{"[127.0.1.1]:25", "[127.0.0.1]:25", "[::1]:25"});
    CHECK(c.warns_of("only this machine can connect to these addresses"));
    CHECK(c.marks("only this machine can connect to these addresses"));
    // Who wrote it means it.
    const conversion_case meant{"inet_interfaces = loopback-only\n", usual_master};
    CHECK_FALSE(meant.marks("only this machine can connect"));
}

TEST_CASE("convert: master opens the sockets, and it does not know the service's options",
          "[migrate]")
{
    const conversion_case c{"", "smtp inet n - y - 1 postscreen\n"
                                "  -o inet_interfaces=192.0.2.1 -o inet_protocols=ipv4\n"
                                "  -o queue_directory=/elsewhere\n"
                                "smtpd pass n - y - - smtpd\n"};
    REQUIRE(c.errors().empty());
    CHECK(c.listen() == v4_and_v6("25"));
    CHECK(c.runtime().backend.unix_path == "/var/spool/postfix/public/smtpd");
    for (const char* name : {"inet_interfaces", "inet_protocols", "queue_directory"}) {
        CHECK(c.warns_of(fmt::format("-o {}: master opens the sockets", name)));
        CHECK(c.marks(fmt::format("-o {}: master opens the sockets", name)));
    }
}

TEST_CASE("convert: the backend is a public pass service, whatever it is now", "[migrate]")
{
    const auto path = [](std::string_view main, std::string_view master) {
        const conversion_case c{main, master};
        REQUIRE(c.errors().empty());
        CHECK(c.runtime().backend.kind == backend_kind::postfix_pass);
        // fendmail.service runs as its own user from the start.
        CHECK(c.startup().server.user.empty());
        CHECK(c.startup().server.groups.empty());
        return c.runtime().backend.unix_path;
    };
    CHECK(path("", "smtp inet n - y - 1 postscreen\nsmtpd pass - - y - - smtpd\n") ==
          "/var/spool/postfix/public/smtpd");
    CHECK(path("queue_directory = /q\nsmtpd_service_name = in\n",
               "smtp inet n - y - 1 postscreen\n"
               "smtpd pass - - y - - smtpd\n"
               "in pass n - y - - smtpd\n") == "/q/public/in");
    CHECK(path("", "smtp inet n - y - 1 postscreen\n  -o smtpd_service_name=in\n"
                   "smtpd pass - - y - - smtpd\nin pass - - y - - smtpd\n") ==
          "/var/spool/postfix/public/in");
    CHECK(path("mail_owner = mail-in\n", "") == "/var/spool/postfix/public/smtpd");
}

TEST_CASE("convert: what has to be done besides stands at the top", "[migrate]")
{
    // Debian's own, uncommented.
    const conversion_case c{"smtpd_tls_cert_file=/etc/ssl/certs/ssl-cert-snakeoil.pem\n"
                            "smtpd_tls_key_file=/etc/ssl/private/ssl-cert-snakeoil.key\n"
                            "smtpd_tls_security_level=may\n",
                            "smtp inet n - y - 1 postscreen\nsmtpd pass - - y - - smtpd\n"};
    const std::string head = c.made.toml.substr(0, c.made.toml.find("\n["));
    const auto at = [&](std::string_view text) { return head.find(text); };
    const auto key = at("install -m 0640 -g fendmail /etc/ssl/private/ssl-cert-snakeoil.key");
    const auto unit = at("usermod --append --groups postdrop fendmail");
    const auto check = at("fendmail check");
    const auto column = at("\"n\" in the third column of the pass service");
    REQUIRE(key != std::string::npos);
    CHECK(key < unit);
    CHECK(unit < check);
    CHECK(check < column);
    CHECK(column < at("smtpd pass - - y - - smtpd (master.cf:2)"));
    CHECK(head.find("undo the third column") != std::string::npos);
    CHECK(c.marks("only Postfix's own user reaches a private pass service"));

    const conversion_case done{"", usual_master};
    CHECK_FALSE(done.has("third column"));
    CHECK_FALSE(done.has("The TLS key"));
    const conversion_case missing{"", "smtp inet n - y - 1 postscreen\n"};
    CHECK(missing.marks("add \"smtpd pass n - y - - smtpd\""));
}

TEST_CASE("convert: postscreens that stay keep their private pass service", "[migrate]")
{
    const conversion_case c{"", "smtp inet n - y - 1 postscreen\n"
                                "2525 inet n - y - 1 postscreen -o soft_bounce=yes\n"
                                "smtpd pass - - n - - smtpd\n"};
    REQUIRE(c.errors().empty());
    CHECK(c.runtime().backend.unix_path == "/var/spool/postfix/public/smtpd-public");
    CHECK(c.marks("Add another, with its options: \"smtpd-public pass n - n - - smtpd\""));
    CHECK(c.has("#       smtpd-public pass n - n - - smtpd\n"));
    CHECK_FALSE(c.has("third column"));
}

TEST_CASE("convert: of a service that stands twice both lines are to be turned off", "[migrate]")
{
    for (const char* order :
         {"smtpd\nsmtp inet n - y - 1 postscreen", "postscreen\nsmtp inet n - y "
                                                   "- - smtpd"}) {
        CAPTURE(order);
        const conversion_case c{"", fmt::format("smtp inet n - y - - {}\n"
                                                "smtpd pass n - y - - smtpd\n",
                                                order)};
        CHECK(c.has("(master.cf:1), which the next one replaces and would come back"));
        CHECK(c.has("(master.cf:2)\n"));
    }
}

TEST_CASE("convert: of several postscreens those with the same options are one fendmail",
          "[migrate]")
{
    const conversion_case c{"", "2525 inet n - y - 1 postscreen\n"
                                "  -o postscreen_greet_ttl=3d -o soft_bounce=yes\n"
                                "smtp inet n - y - 1 postscreen\n"
                                "  -o postscreen_greet_ttl=2d\n"
                                "26 inet n - y - 1 postscreen -o postscreen_greet_ttl=2d\n"
                                "2526 inet n - y - 1 postscreen\n"
                                "  -o soft_bounce=yes -o postscreen_greet_ttl=3d\n"
                                "smtpd pass n - y - - smtpd\n"};
    REQUIRE(c.errors().empty());
    CHECK(c.listen() == texts{"[0.0.0.0]:25", "[::]:25", "[0.0.0.0]:26", "[::]:26"});
    CHECK(c.runtime().screening.tests[screen::test::pregreet].ttl == std::chrono::hours{48});
    CHECK_FALSE(c.runtime().dialog.soft_bounce);
    CHECK(c.warns_of("2525 inet"));
    CHECK(c.warns_of("2526 inet"));
    // Both have the same options, so one advice is for both.
    CHECK(c.marks("2525 inet n - y - 1 postscreen (master.cf:1); 2526 inet n - y - 1 postscreen "
                  "(master.cf:6): not converted, its options differ"));
    CHECK(c.marks("fendmail migrate --service 2525"));
}

TEST_CASE("convert: --service says which postscreen is meant", "[migrate]")
{
    constexpr std::string_view master = "smtp inet n - y - 1 postscreen\n"
                                        "2525 inet n - y - 1 postscreen -o soft_bounce=yes\n"
                                        "192.0.2.1:2526 inet n - y - 1 postscreen\n"
                                        "smtpd pass n - y - - smtpd\n";
    const auto converted = [&](const char* service) {
        conversion_options options;
        options.service = service;
        return conversion_case{"", master, {}, options};
    };
    CHECK(converted("2525").listen() == v4_and_v6("2525"));
    CHECK(converted("2525/inet").runtime().dialog.soft_bounce);
    CHECK(converted("2525").marks("smtp inet n - y - 1 postscreen (master.cf:1); 192.0.2.1:2526"));
    // By its port, where nothing else has that name; those with the same options come along.
    CHECK(converted("2526").listen() == texts{"[0.0.0.0]:25", "[::]:25", "[192.0.2.1]:2526"});
}

TEST_CASE("convert: a postscreen for load balancers is not left out in silence", "[migrate]")
{
    const conversion_case c{"", "smtp inet n - y - 1 postscreen\n"
                                "10025 inet n - y - 1 postscreen\n"
                                "  -o postscreen_upstream_proxy_protocol=haproxy\n"
                                "12525 inet n - y - 1 postscreen -o soft_bounce=yes\n"
                                "  -o postscreen_upstream_proxy_protocol=haproxy\n"
                                "smtpd pass n - y - - smtpd\n"};
    REQUIRE(c.errors().empty());
    CHECK(c.listen() == v4_and_v6("25"));
    // One fendmail does for both: who it trusts sends a header, on whatever port.
    CHECK(c.marks("10025 inet n - y - 1 postscreen (master.cf:2): not converted: load balancers "
                  "connect to it, with a PROXY header. Name them in proxy_protocol.trusted, and "
                  "then add [\"0.0.0.0:10025\", \"[::]:10025\"] to server.listen"));
    CHECK(c.marks("12525 inet n - y - 1 postscreen (master.cf:4): not converted, its options "
                  "differ, and load balancers connect to it (PROXY)"));
    CHECK(c.warns_of("master.cf:2: warning: 10025 inet"));

    const conversion_case turned{"postscreen_upstream_proxy_protocol = haproxy\n",
                                 "smtp inet n - y - 1 postscreen\n"
                                 "2525 inet n - y - 1 postscreen\n"
                                 "  -o postscreen_upstream_proxy_protocol=\n"
                                 "smtpd pass n - y - - smtpd\n"};
    CHECK(turned.listen() == texts{"[127.0.0.1]:25", "[::1]:25"});
    CHECK(turned.marks("clients connect to it without a PROXY header. Add [\"0.0.0.0:2525\", "
                       "\"[::]:2525\"]"));
}

TEST_CASE("convert: behind a load balancer nobody connects before it is named", "[migrate]")
{
    const conversion_case c{"postscreen_upstream_proxy_protocol = haproxy\n"
                            "postscreen_upstream_proxy_timeout = 9\n",
                            usual_master};
    REQUIRE(c.errors().empty());
    CHECK(c.listen() == texts{"[127.0.0.1]:25", "[::1]:25"});
    CHECK(c.has("trusted = []\n"));
    CHECK(c.has("listen = [\"0.0.0.0:25\", \"[::]:25\"]"));
    CHECK(c.has("timeout = \"9s\""));
    CHECK(c.warns_of("fill in proxy_protocol.trusted"));
}

} // namespace fendmail::app::postscreen

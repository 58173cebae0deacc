// SPDX-License-Identifier: Apache-2.0
// The course of a client from accept to end: what it hears, what the backend hears, what is told.
#include "fendmail/app/session/session.hpp"

#include "fendmail/core/dnsbl/query_name.hpp"
#include "support/catch.hpp"
#include "support/dns_server.hpp"
#include "support/shell.hpp"

#include <string>
#include <vector>

using namespace fendmail;
using namespace fendmail::test_support;
using namespace std::chrono_literals;
using test::dns_reply;
using test::dns_server;
using words = std::vector<std::string>;

namespace {

constexpr auto teaser = "220-mx.test ESMTP\r\n";
constexpr auto proxy_line = "PROXY TCP4 203.0.113.7 192.0.2.25 41001 25\r\n";
const ip_address client = *parse_address("203.0.113.7");

app::runtime_config permitting(const loopback_listener& backend)
{
    auto config = plain_config();
    config.backend.tcp = backend.where();
    permit(config, "203.0.113.0/24");
    return config;
}

app::runtime_config asking(const char* site, screen::action on_failure)
{
    auto config = plain_config();
    config.dnsbl_sites = dnsbl::make_site_set({*dnsbl::parse_site(site)}, {});
    config.screening.tests[screen::test::dnsbl].enabled = true;
    config.screening.tests[screen::test::dnsbl].on_failure = on_failure;
    return config;
}

} // namespace

// ── to the backend ────────────────────────────────────────────────────────────────────────────

TEST_CASE("session: a permitted client is handed off with its address", "[io][session]")
{
    world w;
    const loopback_listener backend;
    auto far = w.begin(app::make_snapshot(permitting(backend)));
    const auto server = w.accept(backend);
    CHECK(w.hear(server, "25\r\n") == proxy_line);
    server.send("220 backend.test ESMTP\r\n");
    CHECK(w.hear(far, "ESMTP\r\n") == "220 backend.test ESMTP\r\n");
    far.send("QUIT\r\n");
    CHECK(w.hear(server, "QUIT\r\n") == "QUIT\r\n");
    server.send("221 bye\r\n");
    server.end_writing();
    CHECK(w.hear_out(far) == "221 bye\r\n");
    far.close();
    CHECK(w.summary() == words{"allowlisted", "backend", "relay", "", ""});
    CHECK(w.events.count<event::allowlisted>() == 1);
    CHECK(w.store.size() == 0);
}

TEST_CASE("session: without a backend the client is told to come again", "[io][session]")
{
    world w;
    loopback_listener backend;
    const auto config = permitting(backend);
    backend.close();
    auto far = w.begin(app::make_snapshot(config));
    CHECK(w.hear_out(far) == "421 4.3.2 All server ports are busy\r\n");
    far.close();
    CHECK(w.summary() == words{"deferred", "fendmail", "hand_off", "backend_unavailable",
                               "421 4.3.2 All server ports are busy"});
    CHECK(w.events.count<event::backend_unavailable>() == 1);
}

TEST_CASE("session: the backend's own 4xx is the client's, a 5xx is not", "[io][session]")
{
    struct row {
        const char* greeting;
        const char* heard;
    };
    for (const row& r : {row{"421 4.3.0 later\r\n", "421 4.3.0 later\r\n"},
                         row{"554 5.3.0 no\r\n", "421 4.3.2 All server ports are busy\r\n"}}) {
        world w;
        const loopback_listener backend;
        auto far = w.begin(app::make_snapshot(permitting(backend)));
        const auto server = w.accept(backend);
        server.send(r.greeting);
        CHECK(w.hear_out(far) == r.heard);
        far.close();
        CHECK(w.summary()[0] == "deferred");
    }
}

TEST_CASE("session: who was let off by a list goes through, and is known from then on",
          "[io][session]")
{
    dns_server dns;
    dns.on(dnsbl::query_name(client, "wl.test"), dns_reply::a({"127.0.0.2"}, 60s));
    world w{{dns.address()}};
    const loopback_listener backend;
    auto config = asking("wl.test*-3", screen::action::enforce);
    config.screening.dnsbl_allow_threshold = -2;
    config.backend.tcp = backend.where();
    const auto what = app::make_snapshot(config);

    auto first = w.begin(what);
    const auto server = w.accept(backend);
    server.send("220 backend.test\r\n");
    CHECK(w.hear(first, "220 backend.test\r\n") == "220-mx.test ESMTP\r\n220 backend.test\r\n");
    first.close();
    CHECK(w.summary()[0] == "pass_new");
    CHECK(w.store.size() == 1);

    auto second = w.begin(what);
    const auto again = w.accept(backend);
    again.send("220 backend.test\r\n");
    CHECK(w.hear(second, "220 backend.test\r\n") == "220 backend.test\r\n"); // without a teaser
    second.close();
    CHECK(w.summary(2)[0] == "pass_old");
    CHECK(w.events.count<event::passed>() == 2);
    CHECK(dns.queries(dnsbl::query_name(client, "wl.test")) == 1);
}

// ── refused ───────────────────────────────────────────────────────────────────────────────────

TEST_CASE("session: who speaks too early has its commands answered and its recipients refused",
          "[io][session]")
{
    world w;
    auto far = w.begin(app::make_snapshot(plain_config()));
    CHECK(w.hear(far, "\r\n") == teaser);
    far.send("HELO bot\r\n");
    CHECK(w.hear(far, "\r\n") == "250 mx.test\r\n");
    CHECK(w.events.last<event::pregreeted>().texts == words{"HELO bot\r\n", "enforce", "smtp"});
    far.send("MAIL FROM:<a@b.test>\r\n");
    (void)w.hear(far, "\r\n");
    far.send("RCPT TO:<c@d.test>\r\n");
    CHECK(w.hear(far, "\r\n") == "550 5.5.1 Protocol error\r\n");
    far.send("QUIT\r\n");
    CHECK(w.hear_out(far) == "221 2.0.0 Bye\r\n");
    far.close();
    CHECK(w.summary() ==
          words{"rejected", "client", "dialog", "pregreet", "550 5.5.1 Protocol error"});
    CHECK(w.events.count<event::recipient_refused>() == 1);
    CHECK(w.store.size() == 0);
}

TEST_CASE("session: where speaking too early is worth a drop that is the end", "[io][session]")
{
    world w;
    auto config = plain_config();
    config.screening.tests[screen::test::pregreet].on_failure = screen::action::drop;
    auto far = w.begin(app::make_snapshot(config));
    far.send("EHLO bot\r\n");
    CHECK(w.hear_out(far) == std::string{teaser}.append("521 5.5.1 Protocol error\r\n"));
    far.close();
    CHECK(w.summary() ==
          words{"dropped", "fendmail", "early", "pregreet", "521 5.5.1 Protocol error"});
}

TEST_CASE("session: a listed client hears which list refuses it", "[io][session]")
{
    dns_server dns;
    dns.on(dnsbl::query_name(client, "bl.test"), dns_reply::a({"127.0.0.2"}, 60s));
    world w{{dns.address()}};
    auto far = w.begin(app::make_snapshot(asking("bl.test", screen::action::drop)));
    const std::string refusal =
        "521 5.7.1 Service unavailable; client [203.0.113.7] blocked using bl.test";
    CHECK(w.hear_out(far) == std::string{teaser}.append(refusal).append("\r\n"));
    far.close();
    CHECK(w.summary() == words{"dropped", "fendmail", "early", "dnsbl", refusal});
    CHECK(w.events.count<event::dnsbl_scored>() == 1);
}

TEST_CASE("session: a full screening room refuses strangers and nobody else", "[io][session]")
{
    world w;
    const loopback_listener backend;
    auto config = plain_config();
    config.backend.tcp = backend.where();
    config.limits.screening = 1;
    permit(config, "203.0.113.0/24");
    const auto what = app::make_snapshot(config);
    const auto waits = w.begin(what, "198.51.100.1:1");
    CHECK(w.hear(waits, "\r\n") == teaser);

    auto refused = w.begin(what, "198.51.100.2:1");
    CHECK(w.hear_out(refused) == "421 4.3.2 All screening ports are busy\r\n");
    refused.close();
    CHECK(w.summary() == words{"deferred", "fendmail", "connect", "all_screening_ports_busy",
                               "421 4.3.2 All screening ports are busy"});
    CHECK(w.events.last<event::connect_refused>().texts == words{"all_screening_ports_busy"});

    const auto permitted = w.begin(what);
    CHECK(w.hear(w.accept(backend), "25\r\n") == proxy_line);
}

TEST_CASE("session: one client has so many sessions and no more", "[io][session]")
{
    world w;
    auto config = plain_config();
    config.limits.clients_per_address = 2;
    const auto what = app::make_snapshot(config);
    const auto first = w.begin(what, "203.0.113.7:1");
    const auto second = w.begin(what, "203.0.113.7:2");
    auto third = w.begin(what, "203.0.113.7:3");
    CHECK(w.hear_out(third) == "421 4.7.0 Error: too many connections\r\n");
    third.close();
    CHECK(w.summary()[3] == "too_many_connections");
    const auto other = w.begin(what, "203.0.113.8:1");
    CHECK(w.hear(other, "\r\n") == teaser);
}

TEST_CASE("session: who hangs up while it waits has left", "[io][session]")
{
    world w;
    auto far = w.begin(app::make_snapshot(plain_config()));
    CHECK(w.hear(far, "\r\n") == teaser);
    far.close();
    CHECK(w.summary() == words{"left", "client", "early", "", ""});
    CHECK(w.events.count<event::hung_up>() == 1);
    CHECK(w.events.count<event::disconnected>() == 1);
}

// ── an orderly stop ───────────────────────────────────────────────────────────────────────────

namespace {

struct stopping : world {
    bool is_empty = false;

    void stop()
    {
        sessions.dismiss();
        sessions.drain([this] { is_empty = true; });
    }
};

} // namespace

TEST_CASE("session: a stop in the greet wait completes the greeting before it says so",
          "[io][session]")
{
    stopping w;
    auto far = w.begin(app::make_snapshot(plain_config()));
    CHECK(w.hear(far, "\r\n") == teaser);
    w.stop();
    CHECK(w.hear_out(far) == "220 mx.test ESMTP\r\n421 4.3.2 Service shutting down\r\n");
    CHECK_FALSE(w.is_empty);
    far.close();
    CHECK(w.summary() ==
          words{"deferred", "fendmail", "dialog", "stopping", "421 4.3.2 Service shutting down"});
    CHECK(w.is_empty);
}

TEST_CASE("session: a stop in the dialog leaves the verdict of a refused client", "[io][session]")
{
    stopping w;
    auto far = w.begin(app::make_snapshot(plain_config()));
    far.send("HELO bot\r\n");
    CHECK(w.hear(far, "250 mx.test\r\n") == std::string{teaser}.append("250 mx.test\r\n"));
    w.stop();
    CHECK(w.hear_out(far) == "421 4.3.2 Service shutting down\r\n");
    far.close();
    CHECK(w.summary() == words{"rejected", "fendmail", "dialog", "pregreet,stopping",
                               "421 4.3.2 Service shutting down"});
    CHECK(w.is_empty);
}

TEST_CASE("session: a stop leaves alone whom the backend has or will have", "[io][session]")
{
    stopping w;
    const loopback_listener backend;
    auto far = w.begin(app::make_snapshot(permitting(backend)));
    const auto server = w.accept(backend);
    CHECK(w.hear(server, "25\r\n") == proxy_line);
    w.stop(); // on its way
    server.send("220 backend.test\r\n");
    CHECK(w.hear(far, "\r\n") == "220 backend.test\r\n");
    far.send("NOOP\r\n");
    CHECK(w.hear(server, "\r\n") == "NOOP\r\n");
    CHECK_FALSE(w.is_empty);
    server.send("250 ok\r\n");
    CHECK(w.hear(far, "\r\n") == "250 ok\r\n");
    far.close();
    CHECK(w.hear_out(server).empty());
    server.end_writing();
    CHECK(w.summary()[0] == "allowlisted");
    CHECK(w.is_empty);
}

TEST_CASE("session: at the end of its time a relayed session is cut", "[io][session]")
{
    stopping w;
    const loopback_listener backend;
    const auto far = w.begin(app::make_snapshot(permitting(backend)));
    const auto server = w.accept(backend);
    CHECK(w.hear(server, "25\r\n") == proxy_line);
    server.send("220 backend.test\r\n");
    CHECK(w.hear(far, "\r\n") == "220 backend.test\r\n");
    w.stop();
    w.settle();
    CHECK_FALSE(w.is_empty);
    w.sessions.kill_all();
    CHECK(w.summary()[2] == "relay");
    CHECK(w.is_empty);
    (void)w.hear_out(far);
}

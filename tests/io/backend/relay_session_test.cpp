// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/backend/relay_session.hpp"
#include "support/catch.hpp"
#include "support/run_until.hpp"
#include "support/scripted_connector.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <optional>
#include <string>

using namespace fendmail;
using namespace fendmail::io;
using fendmail::test::run_until;
using fendmail::test_support::connected_pair;
using fendmail::test_support::far_end;
using fendmail::test_support::scripted_connector;

namespace {

constexpr const char* greeting = "220 mx.example.test ESMTP\r\n";

/// A client and a backend that has greeted: tests work `client.far` and `backend()`.
struct session {
    boost::asio::io_context context;
    deadline_queue deadlines{context};
    connected_pair client{context};
    scripted_connector way{context, {.name = "the backend", .sends_header = true}};
    stream server{context.get_executor()};
    open_request request{.client = *parse_endpoint("198.51.100.7:34539"),
                         .local = *parse_endpoint("192.0.2.25:25"),
                         .deadlines = deadlines};
    relay_session_options options;
    std::optional<relay_outcome> result;

    session()
    {
        way.next.end = open_end::greeted;
        options.idle_limit = milliseconds{60000};
    }
    void begin() { boost::asio::co_spawn(context, run(), boost::asio::detached); }
    /// Behind a PROXY header.
    void begin_unproven()
    {
        options.greeting = greeting;
        options.unproven.emplace(unproven_header{way, request});
        begin();
        CHECK(client_hears(std::string{greeting}.size()) == greeting);
    }
    io::awaitable<void> run()
    {
        auto seen = co_await way.open(request, server);
        static_cast<void>(seen);
        result = co_await relay_session(client.near, server, deadlines, options);
    }
    [[nodiscard]] const far_end& backend()
    {
        REQUIRE(run_until(context, [&] { return !way.connections.empty(); }));
        return way.connections.back();
    }
    [[nodiscard]] std::string read(const far_end& end, std::size_t octets)
    {
        std::string got;
        CHECK(run_until(context, [&] {
            got += end.take();
            return got.size() >= octets;
        }));
        return got;
    }
    [[nodiscard]] std::string client_hears(std::size_t octets) { return read(client.far, octets); }
    [[nodiscard]] std::string backend_hears(std::size_t octets) { return read(backend(), octets); }
    /// Whatever could move by itself has moved.
    void settle()
    {
        context.restart();
        while (context.poll() > 0)
            context.restart();
    }
    [[nodiscard]] bool ends()
    {
        return run_until(context, [&] { return result.has_value(); });
    }
    [[nodiscard]] bool ends_when_both_close()
    {
        client.far.end_writing();
        backend().end_writing();
        return ends();
    }
};

} // namespace

TEST_CASE("relay session: the client is greeted, and then both directions are copied", "[io]")
{
    for (const bool is_guarded : {false, true}) {
        CAPTURE(is_guarded);
        session s;
        s.options.greeting = greeting;
        if (is_guarded) s.options.guard.emplace();
        s.begin();
        const std::string hello = greeting;
        CHECK(s.client_hears(hello.size()) == hello);
        s.client.far.send("EHLO x\r\n");
        CHECK(s.backend_hears(8) == "EHLO x\r\n");
        s.backend().send("250 mx\r\n");
        CHECK(s.client_hears(8) == "250 mx\r\n");
        REQUIRE(s.ends_when_both_close());
        CHECK(s.result->moved.octets_in == 8);
        CHECK(s.result->moved.octets_out == hello.size() + 8);
        CHECK(s.result->moved.client_ended == !is_guarded);
        CHECK(s.result->cut.empty());
        CHECK_FALSE(s.result->is_taken); // nothing had to be proved
    }
}

TEST_CASE("relay session: what is held goes first, and a client that was greeted hears no greeting",
          "[io]")
{
    for (const bool is_guarded : {false, true}) {
        CAPTURE(is_guarded);
        session s;
        s.options.held = "RCPT TO:<a@b>\r\n";
        if (is_guarded) s.options.guard.emplace();
        s.begin();
        s.client.far.send("DATA\r\n");
        CHECK(s.backend_hears(21) == "RCPT TO:<a@b>\r\nDATA\r\n");
        CHECK(s.client.far.take().empty());
        s.client.far.end_writing();
        s.backend().send("250 ok\r\n354 go on\r\n");
        CHECK(s.client_hears(19) == "250 ok\r\n354 go on\r\n");
        s.backend().end_writing();
        REQUIRE(s.ends());
        CHECK(s.result->moved.octets_in == 21);
    }
}

TEST_CASE("relay session: a client that leaves before it is greeted ends it", "[io]")
{
    session s;
    s.options.greeting = greeting;
    s.client.far.close();
    s.begin();
    REQUIRE(s.ends());
    CHECK(s.result->moved.ended_by == event::ended_by::client);
    CHECK(s.backend().take().empty());
}

TEST_CASE("relay session: with a guard, what two servers may read in two ways does not get there",
          "[io]")
{
    session s;
    s.options.guard.emplace();
    s.begin();
    s.client.far.send(std::string("MAIL\0FROM:<a@b>\r\n", 17));
    REQUIRE(s.ends());
    REQUIRE(s.result->fault);
    CHECK(s.result->fault->kind == smtp::guard_fault_kind::nul);
    CHECK(s.result->last_words);
    CHECK(s.client.near.is_open());
}

// ── behind a PROXY header ─────────────────────────────────────────────────────────────────────

TEST_CASE("relay session: behind a header one command goes alone until its reply is here", "[io]")
{
    for (const bool is_guarded : {false, true}) {
        CAPTURE(is_guarded);
        session s;
        if (is_guarded) s.options.guard.emplace();
        s.begin_unproven();
        s.client.far.send("EHLO x\r\nMAIL FROM:<a@b>\r\n");
        CHECK(s.backend_hears(8) == "EHLO x\r\n");
        s.settle();
        CHECK(s.backend().take().empty());
        s.backend().send("250 mx\r\n");
        CHECK(s.backend_hears(17) == "MAIL FROM:<a@b>\r\n");
        CHECK(s.client_hears(8) == "250 mx\r\n");
        s.backend().send("250 ok\r\n");
        CHECK(s.client_hears(8) == "250 ok\r\n");
        REQUIRE(s.ends_when_both_close());
        CHECK(s.result->is_taken);
        CHECK(s.result->cut.empty());
        CHECK(s.result->moved.octets_in == 25);
        CHECK(s.result->moved.octets_out == std::string{greeting}.size() + 16);
        CHECK(s.way.times_opened() == 1);
    }
}

TEST_CASE("relay session: the guard goes on from what the first exchange has shown it", "[io]")
{
    session s;
    s.options.guard.emplace();
    s.begin_unproven();
    s.client.far.send("EHLO x\r\n");
    CHECK(s.backend_hears(8) == "EHLO x\r\n");
    s.backend().send("250-mx\r\n250 CHUNKING\r\n");
    CHECK(s.client_hears(22) == "250-mx\r\n250 CHUNKING\r\n");
    s.client.far.send("BDAT 3 LAST\r\nabc"); // a fault where CHUNKING was not offered
    CHECK(s.backend_hears(16) == "BDAT 3 LAST\r\nabc");
    s.backend().send("250 ok\r\n");
    CHECK(s.client_hears(8) == "250 ok\r\n");
    REQUIRE(s.ends_when_both_close());
    CHECK_FALSE(s.result->fault);
}

TEST_CASE("relay session: a reply too many to a plain EHLO is proof, and the client hears neither",
          "[io]")
{
    session s;
    s.begin_unproven();
    s.client.far.send("EHLO x\r\nMAIL FROM:<a@b>\r\n");
    CHECK(s.backend_hears(8) == "EHLO x\r\n");
    s.backend().send("500 what\r\n250 mx\r\n");
    REQUIRE(s.ends());
    CHECK(s.result->cut == "it answered the PROXY header with 500 what");
    CHECK(s.result->about == smtp::identity::mistaken);
    CHECK_FALSE(s.result->is_taken);
    CHECK(s.client.near.is_open());
    CHECK(s.client.far.take().empty());
    CHECK(s.backend().take().empty()); // no MAIL
}

TEST_CASE("relay session: what the backend says unasked cuts the session before any command",
          "[io]")
{
    session s;
    s.begin_unproven();
    s.backend().send("500 what\r\n");
    REQUIRE(s.ends());
    CHECK(s.result->about == smtp::identity::mistaken);
    CHECK(s.result->cut.find("500 what") != std::string::npos);
    s.client.far.send("EHLO x\r\n");
    s.settle();
    CHECK(s.backend().take().empty());
    CHECK(s.client.far.take().empty());
}

TEST_CASE("relay session: a refused client goes on with another connection, not without end",
          "[io]")
{
    session s;
    s.begin_unproven();
    for (std::size_t turn = 1; turn <= 4; ++turn) {
        CAPTURE(turn);
        s.client.far.send("EHLO x\r\n");
        CHECK(s.backend_hears(8) == "EHLO x\r\n");
        s.backend().send("550 5.7.1 not you\r\n");
        CHECK(s.backend_hears(6) == "QUIT\r\n");
        CHECK(s.way.times_opened() == turn);
        s.backend().send("221 bye\r\n");
        CHECK(s.client_hears(19) == "550 5.7.1 not you\r\n");
    }
    REQUIRE(s.ends());
    REQUIRE(s.result->last_words);
    CHECK(s.result->last_words->code == 421);
    CHECK(s.way.times_opened() == 4);
    CHECK_FALSE(s.result->is_taken);
}

TEST_CASE("relay session: on another connection the client is settled like on the first", "[io]")
{
    session s;
    s.begin_unproven();
    s.client.far.send("EHLO bad\r\n");
    CHECK(s.backend_hears(10) == "EHLO bad\r\n");
    s.backend().send("550 5.7.1 not you\r\n");
    CHECK(s.backend_hears(6) == "QUIT\r\n");
    s.backend().send("221 bye\r\n");
    CHECK(s.client_hears(19) == "550 5.7.1 not you\r\n");
    REQUIRE(run_until(s.context, [&] { return s.way.connections.size() == 2; }));
    CHECK(s.way.connections.front().at_end());
    s.client.far.send("EHLO x\r\n");
    CHECK(s.backend_hears(8) == "EHLO x\r\n");
    s.backend().send("250 mx\r\n");
    CHECK(s.client_hears(8) == "250 mx\r\n"); // no second greeting before it
    s.client.far.send("NOOP\r\n");
    CHECK(s.backend_hears(6) == "NOOP\r\n");
    REQUIRE(s.ends_when_both_close());
    CHECK(s.result->is_taken);
}

TEST_CASE("relay session: a refusal behind which another reply comes was the header's", "[io]")
{
    session s;
    s.begin_unproven();
    s.client.far.send("EHLO x\r\n");
    CHECK(s.backend_hears(8) == "EHLO x\r\n");
    s.backend().send("500 what\r\n");
    CHECK(s.backend_hears(6) == "QUIT\r\n");
    s.backend().send("250 mx\r\n221 bye\r\n");
    REQUIRE(s.ends());
    CHECK(s.result->cut == "it answered the PROXY header with 500 what");
    CHECK(s.result->about == smtp::identity::mistaken);
    CHECK(s.client.far.take().empty());
    CHECK(s.way.times_opened() == 1);
}

TEST_CASE("relay session: without another connection the client is cut off with the reason", "[io]")
{
    session s;
    s.begin_unproven();
    s.client.far.send("EHLO x\r\n");
    CHECK(s.backend_hears(8) == "EHLO x\r\n");
    s.way.next.end = open_end::failed;
    s.way.next.reason = "no more";
    s.backend().send("550 5.7.1 not you\r\n");
    CHECK(s.backend_hears(6) == "QUIT\r\n");
    s.backend().send("221 bye\r\n");
    REQUIRE(s.ends());
    CHECK(s.result->cut == "no more");
    CHECK(s.result->about == smtp::identity::fine);
    CHECK(s.client.near.is_open());
    CHECK(s.client.far.take() == "550 5.7.1 not you\r\n");
}

TEST_CASE("relay session: a client that says nothing is idle, also before its first command",
          "[io]")
{
    session s;
    s.options.idle_limit = milliseconds{50};
    s.begin_unproven();
    REQUIRE(s.ends());
    CHECK(s.result->moved.idle);
    CHECK(s.result->moved.ended_by == event::ended_by::fendmail);
    CHECK(s.result->cut.empty());
}

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/backend/relay.hpp"
#include "support/catch.hpp"
#include "support/run_until.hpp"
#include "support/sockets.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <optional>
#include <string>

using namespace fendmail;
using namespace fendmail::io;
using fendmail::test::run_until;
using fendmail::test_support::connected_pair;

namespace {

/// A relay between two pairs: tests work `client.far` and `backend.far`.
struct relaying {
    boost::asio::io_context context;
    deadline_queue deadlines{context};
    connected_pair client{context};
    connected_pair backend{context};
    std::optional<relay_result> result;

    explicit relaying(milliseconds idle_limit = milliseconds{60000})
    {
        boost::asio::co_spawn(context, run(idle_limit), boost::asio::detached);
    }
    io::awaitable<void> run(milliseconds idle_limit)
    {
        result = co_await relay(client.near, backend.near, deadlines, idle_limit);
    }
    /// Everything that arrives at `end` until `octets` are there.
    [[nodiscard]] std::string read(const test_support::far_end& end, std::size_t octets)
    {
        std::string got;
        CHECK(run_until(context, [&] {
            got += end.take();
            return got.size() >= octets;
        }));
        return got;
    }
    [[nodiscard]] bool ends()
    {
        return run_until(context, [&] { return result.has_value(); });
    }
};

} // namespace

TEST_CASE("relay: both directions are copied and counted", "[io]")
{
    relaying r;
    r.client.far.send("EHLO x\r\n");
    CHECK(r.read(r.backend.far, 8) == "EHLO x\r\n");
    r.backend.far.send("250 ok\r\n");
    CHECK(r.read(r.client.far, 8) == "250 ok\r\n");
    r.client.far.end_writing();
    r.backend.far.end_writing();
    REQUIRE(r.ends());
    CHECK(r.result->octets_in == 8);
    CHECK(r.result->octets_out == 8);
    CHECK(r.result->ended_by == event::ended_by::client);
    CHECK_FALSE(r.result->idle);
}

TEST_CASE("relay: a side that has ended its direction still hears the other", "[io]")
{
    relaying r;
    r.client.far.send("last words");
    r.client.far.end_writing();
    CHECK(r.read(r.backend.far, 10) == "last words");
    REQUIRE(run_until(r.context, [&] { return r.backend.far.at_end(); }));
    r.backend.far.send("answer");
    CHECK(r.read(r.client.far, 6) == "answer");
    CHECK_FALSE(r.result);
    r.backend.far.end_writing();
    REQUIRE(r.ends());
    CHECK(r.client.far.at_end());
}

TEST_CASE("relay: a large transfer arrives whole through full socket buffers", "[io]")
{
    relaying r;
    std::string mail(3'000'000, 'x');
    for (std::size_t i = 0; i < mail.size(); ++i)
        mail[i] = static_cast<char>('a' + i % 23);
    std::string got;
    std::size_t sent = 0;
    REQUIRE(run_until(r.context, [&] {
        const ssize_t n =
            ::send(r.client.far.get(), mail.data() + sent,
                   std::min<std::size_t>(mail.size() - sent, 100'000), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) sent += static_cast<std::size_t>(n);
        got += r.backend.far.take();
        return got.size() == mail.size();
    }));
    CHECK(got == mail);
}

TEST_CASE("relay: a message that comes at once arrives whole, and so does what follows", "[io]")
{
    // Around the size at which lines become a message, and that of the buffer for messages.
    for (const std::size_t octets : {2047U, 2048U, 2049U, 65535U, 65536U, 65537U, 150'000U}) {
        relaying r;
        std::string mail(octets, 'x');
        for (std::size_t i = 0; i < mail.size(); ++i)
            mail[i] = static_cast<char>('a' + i % 23);
        r.client.far.send(mail);
        CHECK(r.read(r.backend.far, octets) == mail);
        r.client.far.send("QUIT\r\n");
        CHECK(r.read(r.backend.far, 6) == "QUIT\r\n");
        r.client.far.end_writing();
        r.backend.far.end_writing();
        REQUIRE(r.ends());
        CHECK(r.result->octets_in == octets + 6);
        CHECK(r.result->ended_by == event::ended_by::client);
        CHECK(r.result->client_ended);
    }
}

TEST_CASE("relay: a good-bye reaches the client with the end behind it, or without", "[io]")
{
    for (const bool closes_at_once : {true, false}) {
        relaying r;
        r.backend.far.send("220 x\r\n");
        CHECK(r.read(r.client.far, 7) == "220 x\r\n");
        r.client.far.send("QUIT\r\n");
        CHECK(r.read(r.backend.far, 6) == "QUIT\r\n");
        r.backend.far.send("221 Bye\r\n");
        if (closes_at_once) r.backend.far.end_writing();
        CHECK(r.read(r.client.far, 9) == "221 Bye\r\n");
        CHECK_FALSE(r.result);
        if (!closes_at_once) {
            CHECK_FALSE(r.client.far.at_end());
            r.backend.far.end_writing();
        }
        REQUIRE(run_until(r.context, [&] { return r.client.far.at_end(); }));
        r.client.far.end_writing();
        REQUIRE(r.ends());
        CHECK(r.result->octets_out == 16);
        CHECK(r.result->ended_by == event::ended_by::backend);
        CHECK(r.result->client_ended);
    }
}

TEST_CASE("relay: when one side breaks the other is closed", "[io]")
{
    relaying r;
    r.backend.far.close();
    r.client.far.send("MAIL FROM:<a@b.example>\r\n");
    REQUIRE(run_until(r.context, [&] { return r.client.far.at_end(); }));
    r.client.far.close();
    REQUIRE(r.ends());
    CHECK(r.result->ended_by == event::ended_by::backend);
}

TEST_CASE("relay: without an octet for the idle limit both sides are closed", "[io]")
{
    relaying r{milliseconds{30}};
    REQUIRE(r.ends());
    CHECK(r.result->idle);
    CHECK(r.result->ended_by == event::ended_by::fendmail);
    CHECK(r.client.far.at_end());
    CHECK(r.backend.far.at_end());
}

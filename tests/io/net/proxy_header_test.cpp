// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/net/proxy_header.hpp"
#include "support/catch.hpp"
#include "support/run_until.hpp"
#include "support/sockets.hpp"

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <optional>
#include <string>

using namespace fendmail;
using namespace fendmail::io;
using fendmail::test::run_until;
using fendmail::test_support::connected_pair;

namespace {

const std::string v1 = "PROXY TCP4 203.0.113.77 192.0.2.25 41001 25\r\n";
const std::string v2{"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x4d\xc0\0\x02\x19\xa0\x29\0\x19",
                     28};
const std::string hello = "EHLO client.example.org\r\n";
const proxy::origin named{*parse_endpoint("203.0.113.77:41001"), *parse_endpoint("192.0.2.25:25")};

/// A balancer's connection while its header is read.
struct reading {
    boost::asio::io_context context;
    deadline_queue deadlines{context};
    connected_pair balancer{context};
    proxy::header_reader header;
    deadline limit{deadlines, balancer.near};
    std::optional<wait_end> end;

    void begin() { boost::asio::co_spawn(context, run(), boost::asio::detached); }
    [[nodiscard]] bool has_ended()
    {
        return run_until(context, [this] { return end.has_value(); });
    }
    /// What is left for the session.
    [[nodiscard]] std::string unread()
    {
        std::array<char, 8192> octets;
        const auto seen = balancer.near.peek(asio::buffer(octets));
        return {octets.data(), seen.octets};
    }

private:
    io::awaitable<void> run() { end = co_await read_proxy_header(balancer.near, header, limit); }
};

} // namespace

TEST_CASE("proxy header: what stands behind it stays in the socket", "[io][proxy]")
{
    for (const auto& octets : {v1, v2}) {
        for (const auto& behind : {std::string{}, hello, octets, std::string(2000, 'x')}) {
            reading r;
            r.balancer.far.send(octets + behind);
            r.begin();
            REQUIRE(r.has_ended());
            CHECK(*r.end == wait_end::ready);
            REQUIRE(r.header.progress() == proxy::progress::complete);
            CHECK((r.header.origin() == named));
            CHECK(r.unread() == behind);
        }
    }
}

TEST_CASE("proxy header: may come in any number of segments", "[io][proxy]")
{
    reading r;
    r.begin();
    for (const char octet : v1 + hello) {
        CHECK(r.end.has_value() == (r.header.octets() == v1.size()));
        r.balancer.far.send({&octet, 1});
        // Each octet is taken before the next one is sent.
        const auto want = std::min(r.header.octets() + 1, v1.size());
        REQUIRE(run_until(r.context, [&] { return r.header.octets() == want; }));
        REQUIRE(run_until(r.context, [&] { return r.end.has_value() == (want == v1.size()); }));
    }
    CHECK((r.header.origin() == named));
    CHECK(r.unread() == hello);
}

TEST_CASE("proxy header: half of one is waited for without work", "[io][proxy]")
{
    reading r;
    r.balancer.far.send(v1.substr(0, 20));
    r.begin();
    REQUIRE(run_until(r.context, [&] { return r.header.octets() == 20; }));
    r.context.restart();
    CHECK(r.context.run_for(milliseconds{50}) < 5);
    CHECK_FALSE(r.end.has_value());
    CHECK(r.unread().empty());
    r.balancer.far.close();
    REQUIRE(r.has_ended());
}

TEST_CASE("proxy header: a bad one is told at once, and the session's octets stay", "[io][proxy]")
{
    reading r;
    r.balancer.far.send(hello);
    r.begin();
    REQUIRE(r.has_ended());
    CHECK(*r.end == wait_end::ready);
    CHECK(r.header.progress() == proxy::progress::failed);
    CHECK(r.header.octets() == 1);
    CHECK(r.unread() == hello.substr(1));
}

TEST_CASE("proxy header: a connection that ends before it is told as such", "[io][proxy]")
{
    for (const std::size_t sent : {0, 10}) {
        CAPTURE(sent);
        reading before;
        before.balancer.far.send(v1.substr(0, sent));
        before.balancer.far.close();
        before.begin();
        REQUIRE(before.has_ended());
        CHECK(*before.end == wait_end::closed);
        CHECK(before.header.octets() == sent);

        reading meanwhile;
        meanwhile.begin();
        meanwhile.balancer.far.send(v1.substr(0, sent));
        meanwhile.balancer.far.end_writing();
        REQUIRE(meanwhile.has_ended());
        CHECK(*meanwhile.end == wait_end::closed);
        CHECK(meanwhile.header.octets() == sent);
    }
}

TEST_CASE("proxy header: the time limit is for the whole of it", "[io][proxy]")
{
    reading r;
    r.limit.set_after(milliseconds{100});
    r.begin();
    // An octet now and then must not buy time.
    std::size_t sent = 0;
    REQUIRE(run_until(r.context, [&] {
        if (sent < 20 && r.header.octets() == sent) r.balancer.far.send(v1.substr(sent++, 1));
        return r.end.has_value();
    }));
    CHECK(*r.end == wait_end::timed_out);
    CHECK(r.header.octets() < v1.size());
}

TEST_CASE("proxy header: who is woken may go on reading", "[io][proxy]")
{
    reading r;
    r.balancer.far.send(v1.substr(0, 20));
    r.begin();
    REQUIRE(run_until(r.context, [&] { return r.header.octets() == 20; }));
    r.balancer.near.wake();
    REQUIRE(r.has_ended());
    CHECK(*r.end == wait_end::woken);
    r.end.reset();
    r.balancer.far.send(v1.substr(20) + hello);
    r.begin();
    REQUIRE(r.has_ended());
    CHECK((r.header.origin() == named));
    CHECK(r.unread() == hello);
}

TEST_CASE("proxy header: closing the connection from outside ends the wait", "[io][proxy]")
{
    reading r;
    r.begin();
    r.context.poll();
    r.balancer.near.close();
    REQUIRE(r.has_ended());
    CHECK(*r.end != wait_end::ready);
    CHECK_FALSE(r.balancer.near.is_open());
}

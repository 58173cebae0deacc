// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/server/intake.hpp"

#include "fendmail/core/proxy/proxy_header.hpp"
#include "support/catch.hpp"
#include "support/shell.hpp"

#include <string>
#include <string_view>
#include <vector>

using namespace fendmail;
using namespace fendmail::test_support;
using words = std::vector<std::string>;

namespace {

const endpoint client = *parse_endpoint("203.0.113.7:41001");
const endpoint balancer = *parse_endpoint("192.0.2.200:5000");
constexpr auto no_service = "421 4.3.2 No system resources\r\n";
/// The PROXY protocol §2.2: version 2, LOCAL, no addresses.
constexpr std::string_view local_header{"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16};

/// An intake, and the clients that it has forwarded.
struct receiving : world {
    std::vector<app::incoming> forwarded;
    app::intake intake{env, [this](app::incoming one) { forwarded.push_back(std::move(one)); }};

    [[nodiscard]] far_end receive(const app::runtime_config& config)
    {
        auto [near, far] = make_pair();
        env.spawn(
            intake.receive({std::move(near), app::make_snapshot(config), balancer, our_side}));
        settle();
        return std::move(far);
    }
    [[nodiscard]] bool is_over()
    {
        return run_until([this] { return sessions.is_empty(); });
    }
};

} // namespace

TEST_CASE("intake: a header may come in two pieces, wherever it is cut", "[io][intake]")
{
    receiving r;
    const auto config = plain_config();
    for (const auto& header :
         {proxy::write_v1(client, our_side), proxy::write_v2(client, our_side)})
        for (std::size_t cut = 1; cut < header.size(); ++cut) {
            CAPTURE(header.size(), cut);
            const auto far = r.receive(config);
            far.send(header.substr(0, cut));
            r.settle();
            REQUIRE(r.forwarded.empty());
            far.send(header.substr(cut).append("EHLO x\r\n"));
            REQUIRE(r.run_until([&] { return !r.forwarded.empty(); }));
            const auto got = std::move(r.forwarded.back());
            r.forwarded.clear();
            CHECK(got.client == client);
            CHECK(got.local == our_side);
            // What the client said is still there for its session.
            char octets[64];
            const auto size = ::recv(got.socket.get(), octets, sizeof(octets), MSG_DONTWAIT);
            REQUIRE(size > 0);
            CHECK(std::string_view(octets, static_cast<std::size_t>(size)) == "EHLO x\r\n");
        }
    CHECK(r.is_over());
    CHECK(r.events.count() == 0);
}

TEST_CASE("intake: the session begins with the snapshot of the accept", "[io][intake]")
{
    receiving r;
    auto config = plain_config();
    config.hostname = "of-the-accept.test";
    const auto far = r.receive(config);
    far.send(proxy::write_v1(client, our_side));
    REQUIRE(r.run_until([&] { return !r.forwarded.empty(); }));
    CHECK(r.forwarded.back().what->config.hostname == "of-the-accept.test");
}

TEST_CASE("intake: a check of the balancer's own talks SMTP and leaves no trace", "[io][intake]")
{
    receiving r;
    auto far = r.receive(plain_config());
    far.send(local_header);
    CHECK(r.hear(far, "\r\n") == "220 mx.test ESMTP\r\n");
    far.send("HELO check\r\n");
    CHECK(r.hear(far, "\r\n") == "250 mx.test\r\n");
    far.send("QUIT\r\n");
    CHECK(r.hear_out(far) == "221 2.0.0 Bye\r\n");
    CHECK(r.is_over());
    CHECK(r.forwarded.empty());
    CHECK(r.events.count() == 0);
}

TEST_CASE("intake: a client that the balancer does not know has the balancer's address",
          "[io][intake]")
{
    receiving r;
    const auto far = r.receive(plain_config());
    far.send("PROXY UNKNOWN\r\n");
    REQUIRE(r.run_until([&] { return !r.forwarded.empty(); }));
    CHECK(r.forwarded.back().client == balancer);
    CHECK(r.events.count<event::caution>() == 1);
}

TEST_CASE("intake: what is no header gets a 421 and is told", "[io][intake]")
{
    receiving r;
    auto far = r.receive(plain_config());
    far.send("EHLO x\r\n");
    CHECK(r.hear_out(far) == no_service);
    far.close();
    CHECK(r.is_over());
    CHECK(r.forwarded.empty());
    CHECK(r.events.last<event::proxy_header_refused>().texts[1] == "EHLO x\r\n");

    // A second one within the same second is counted only.
    auto next = r.receive(plain_config());
    next.send("EHLO y\r\n");
    CHECK(r.hear_out(next) == no_service);
    CHECK(r.events.count<event::proxy_header_refused>() == 1);
}

TEST_CASE("intake: half a header has its time and no more", "[io][intake]")
{
    receiving r;
    auto config = plain_config();
    config.proxy_protocol.timeout = milliseconds{20};
    const auto far = r.receive(config);
    far.send("PROXY TCP4 203.0.");
    CHECK(r.hear_out(far) == no_service);
    CHECK(r.events.last<event::proxy_header_refused>().texts ==
          words{"time limit exceeded", "PROXY TCP4 203.0."});
}

TEST_CASE("intake: a connection that ends without an octet was a look at the port", "[io][intake]")
{
    receiving r;
    auto far = r.receive(plain_config());
    far.close();
    CHECK(r.is_over());
    CHECK(r.events.count() == 0);
}

TEST_CASE("intake: a header that is cut off is told", "[io][intake]")
{
    receiving r;
    auto far = r.receive(plain_config());
    far.send("PROXY TCP4 203.0.");
    r.settle();
    far.close();
    CHECK(r.is_over());
    CHECK(r.events.count<event::proxy_header_refused>() == 1);
}

TEST_CASE("intake: at a stop nobody waits for a header any more", "[io][intake]")
{
    receiving r;
    const auto waits = r.receive(plain_config());
    waits.send("PROXY TCP4 203.0.");
    r.settle();
    r.sessions.turn_away();
    CHECK(r.hear_out(waits) == no_service);
    CHECK(r.is_over());

    // Also one that comes just now.
    const auto late = r.receive(plain_config());
    CHECK(r.hear_out(late) == no_service);
    CHECK(r.is_over());
    CHECK(r.forwarded.empty());
    CHECK(r.events.count() == 0);
}

TEST_CASE("intake: a stop ends a check that goes on", "[io][intake]")
{
    receiving r;
    const auto far = r.receive(plain_config());
    far.send(local_header);
    CHECK(r.hear(far, "\r\n") == "220 mx.test ESMTP\r\n");
    r.settle();
    r.sessions.turn_away();
    CHECK(r.hear_out(far).empty());
    CHECK(r.is_over());
}

TEST_CASE("intake: only so many connections wait for their headers", "[io][intake]")
{
    receiving r;
    auto config = plain_config();
    config.limits.screening = 1;
    const auto waits = r.receive(config);
    const auto refused = r.receive(config);
    CHECK(r.hear_out(refused) == no_service);
    waits.send(proxy::write_v1(client, our_side));
    REQUIRE(r.run_until([&] { return !r.forwarded.empty(); }));
    CHECK(r.forwarded.back().client == client);
}

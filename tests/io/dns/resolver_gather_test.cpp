// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/dns/resolver.hpp"

#include "support/catch.hpp"
#include "support/dns_server.hpp"
#include "support/run_until.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <fmt/format.h>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

// Many queries at once: they are sent and answered together (src/io/dns/exchange.hpp).

using namespace fendmail;
using namespace std::chrono_literals;
using io::resolver;
using outcome = dns::outcome;
using test::dns_reply;
using test::dns_server;
using test::run_until;

namespace {

/// Fast enough for a test, slow enough for a busy machine.
const io::resolver_settings soon = [] {
    io::resolver_settings settings;
    settings.limits.times.unknown = 50ms;
    settings.patience = 400ms;
    return settings;
}();

struct fixture {
    dns_server server;
    boost::asio::io_context context;

    dns::answer ask(resolver& from, const std::string& name)
    {
        std::optional<dns::answer> got;
        from.query_a(name, [&got](const dns::answer& answer) { got = answer; });
        REQUIRE(run_until(context, [&got] { return got.has_value(); }));
        return *got;
    }
};

} // namespace

TEST_CASE("resolver: answers that are gathered all come, and so do those after them", "[dns]")
{
    fixture f;
    // So fast that they are gathered, which ends between the rounds or does not.
    f.server.on_others([](const std::string& name) {
        auto reply = dns_reply::a({"127.0.0.2"}, 60s);
        return name.starts_with("tcp") ? std::move(reply).truncated() : reply;
    });
    resolver resolver{f.context, {f.server.address()}};
    for (int round = 0; round < 20; ++round) {
        int answers = 0;
        for (int n = 0; n < 100; ++n)
            resolver.query_a((n % 10 == 0 ? "tcp" : "udp") + std::to_string(n) + ".test",
                             [&answers](const dns::answer& answer) {
                                 answers += answer.what == outcome::found ? 1 : 0;
                             });
        REQUIRE(run_until(f.context, [&] { return resolver.running() == 0; }));
        CHECK(answers == 100);
        CHECK(f.ask(resolver, "alone.test").what == outcome::found);
    }
}

TEST_CASE("resolver: silence is a timeout while answers are gathered too", "[dns]")
{
    fixture f;
    f.server.on_others([](const std::string&) { return dns_reply::silence(); });
    resolver resolver{f.context, {f.server.address()}, soon};
    int timeouts = 0;
    for (int n = 0; n < 100; ++n)
        resolver.query_a("a.test", [&timeouts](const dns::answer& answer) {
            timeouts += answer.reason == "timeout" ? 1 : 0;
        });
    REQUIRE(run_until(f.context, [&] { return resolver.running() == 0; }));
    CHECK(timeouts == 100);
    CHECK(f.server.queries("a.test") >= 100);
}

TEST_CASE("resolver: where nobody listens, many queries end as one does", "[dns]")
{
    fixture f;
    resolver resolver{f.context, {test::dead_resolver_address()}, soon};
    int right = 0;
    for (int n = 0; n < 100; ++n)
        resolver.query_a("a.test", [&right](const dns::answer& answer) {
            right += answer.reason == "no answer from any server" && !answer.reached ? 1 : 0;
        });
    REQUIRE(run_until(f.context, [&] { return resolver.running() == 0; }));
    CHECK(right == 100);
}

TEST_CASE("resolver: it may end while answers are gathered", "[dns]")
{
    fixture f;
    f.server.on_others([](const std::string&) { return dns_reply::a({"127.0.0.2"}, 60s).held(); });
    int calls = 0;
    auto one = std::make_unique<resolver>(f.context, std::vector{f.server.address()});
    for (int n = 0; n < 50; ++n)
        one->query_a("a.test", [&calls](const dns::answer&) { ++calls; });
    REQUIRE(run_until(f.context, [&f] { return f.server.queries() == 50; }));
    SECTION("before any answer has come")
    {
        one.reset();
    }
    SECTION("by a callback")
    {
        f.server.release();
        for (int n = 0; n < 50; ++n)
            one->query_a("b.test", [&](const dns::answer&) { one.reset(); });
        REQUIRE(run_until(f.context, [&one] { return one == nullptr; }));
    }
    SECTION("with queries that have not been sent")
    {
        one->query_a("b.test", [&calls](const dns::answer&) { ++calls; });
        one.reset();
        CHECK(f.server.queries("b.test") == 0);
    }
    const int before = calls;
    f.server.release();
    dns_server other;
    resolver resolver{f.context, {other.address()}};
    CHECK(f.ask(resolver, "a.test").what == outcome::not_found);
    CHECK(calls == before);
}

TEST_CASE("resolver: queries that follow each other share a port, but not for long", "[dns]")
{
    fixture f;
    resolver resolver{f.context, {f.server.address()}};
    for (int n = 0; n < 30; ++n)
        f.ask(resolver, "a.test");
    CHECK(f.server.ports() < 15); // on a machine that needs half a second for each
    const auto before = f.server.ports();
    const auto give_up = std::chrono::steady_clock::now() + 20s;
    while (f.server.ports() == before && std::chrono::steady_clock::now() < give_up)
        f.ask(resolver, "a.test");
    CHECK(f.server.ports() > before);
}

TEST_CASE("resolver: answers that our own sockets had no room for are counted", "[dns]")
{
    fixture f;
    f.server.on("flood.test", dns_reply::a({"127.0.0.2"}, 60s).sent(5000));
    resolver resolver{f.context, {f.server.address()}};
    (void)f.ask(resolver, "before.test");
    CHECK(resolver.figures().dropped == 0);
    bool answered = false;
    resolver.query_a("flood.test", [&answered](const dns::answer&) { answered = true; });
    REQUIRE(run_until(f.context, [&] { return f.server.queries("flood.test") > 0; }));
    // Nothing reads while the server sends; it looks at the next question only when it has.
    boost::asio::io_context elsewhere;
    class resolver marker{elsewhere, {f.server.address()}};
    marker.query_a("marker.test", [](const dns::answer&) {});
    REQUIRE(run_until(elsewhere, [&] { return f.server.queries("marker.test") > 0; }));
    REQUIRE(run_until(f.context, [&answered] { return answered; }));
    // The kernel tells it with what comes next to that socket, one of several.
    for (int i = 0; i < 200 && resolver.figures().dropped == 0; ++i)
        (void)f.ask(resolver, fmt::format("n{}.test", i));
    CHECK(resolver.figures().dropped > 0);
}

namespace {

std::size_t open_descriptors()
{
    const std::filesystem::directory_iterator all{"/proc/self/fd"};
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

} // namespace

TEST_CASE("resolver: however much is asked, it opens no more than it says", "[dns]")
{
    fixture f;
    f.server.on_others([](const std::string&) { return dns_reply::silence(); });
    const auto before = open_descriptors();
    io::resolver_settings eager;
    eager.limits.names = {.first = 4096, .least = 4096, .most = 4096};
    resolver asked{f.context, {f.server.address()}, eager};
    std::size_t most = 0;
    for (int round = 0; round < 40; ++round) {
        for (int i = 0; i < 100; ++i)
            asked.query_a("n" + std::to_string(round * 100 + i) + ".test", [](const auto&) {});
        f.context.poll();
        most = std::max(most, open_descriptors() - before);
    }
    CHECK(most > 4);
    CHECK(most <= resolver::descriptors_max(1));
}

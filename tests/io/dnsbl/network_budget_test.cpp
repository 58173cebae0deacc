// SPDX-License-Identifier: Apache-2.0
// How many lookups the clients of one network get, and what becomes of the others.
#include "fendmail/core/dnsbl/query_name.hpp"
#include "fendmail/io/dnsbl/lookup.hpp"
#include "support/catch.hpp"
#include "support/dns_server.hpp"
#include "support/run_until.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace fendmail;
using namespace std::chrono_literals;
using io::dnsbl_lookup;
using test::dns_reply;
using test::run_until;

namespace {

constexpr unsigned budget_of_network = 256;

struct nobody final : event_sink {
    void on(const any_event&) noexcept override {}
};

ip_address v6_client(unsigned number, std::uint8_t net = 1)
{
    return ip_address::v6({0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, net, 0, 0, 0, 0, 0, 0,
                           static_cast<std::uint8_t>(number >> 8),
                           static_cast<std::uint8_t>(number)});
}

ip_address v4_client(unsigned number)
{
    return ip_address::v4({192, 0, 2, static_cast<std::uint8_t>(number)});
}

struct fixture {
    test::dns_server server;
    boost::asio::io_context context;
    nobody events;
    std::shared_ptr<const dnsbl::site_set> sites = std::make_shared<const dnsbl::site_set>(
        dnsbl::make_site_set({*dnsbl::parse_site("bl.test")}, {}));
    io::deadline_queue deadlines{context};
    io::resolver_pool resolvers{context, {server.address()}, nullptr};
    dnsbl_lookup lookups{context, events, deadlines, resolvers};

    fixture()
    {
        server.on_others([](const std::string&) { return dns_reply::nxdomain(60s, 60s); });
    }
    dnsbl_lookup::subscription join(const ip_address& client, milliseconds timeout = 10s)
    {
        io::lookup_hints hints;
        hints.neighbours = network_of(client, client.is_v4() ? 24 : 64);
        return lookups.join(client, sites, timeout, nullptr, hints);
    }
    bool finish() // all lookups that run
    {
        return run_until(context, [this] { return lookups.running() == 0; });
    }
};

} // namespace

TEST_CASE("network budget: one IPv6 /64 without end costs a bounded number of questions", "[dnsbl]")
{
    fixture f;
    std::vector<dnsbl_lookup::subscription> all;
    for (unsigned n = 0; n < 5'000; ++n) {
        all.push_back(f.join(v6_client(n)));
        if (n % 500 == 499) REQUIRE(f.finish());
    }
    REQUIRE(f.finish());
    CHECK(f.server.queries() >= budget_of_network);
    CHECK(f.server.queries() <= budget_of_network + 100); // some are free again meanwhile
    CHECK(std::ranges::all_of(all, [](const auto& one) {
        return one.done() && one.score().complete && !one.score().withheld;
    }));
    CHECK(all.front().is_own());
    CHECK_FALSE(all.back().is_own());
    // Other networks have budgets of their own.
    const auto other = f.join(v6_client(1, 2));
    CHECK(other.is_own());
}

TEST_CASE("network budget: clients of a listed /64 share its listing", "[dnsbl]")
{
    fixture f;
    f.server.on_others([](const std::string&) { return dns_reply::a({"127.0.0.2"}, 60s); });
    std::vector<dnsbl_lookup::subscription> all;
    for (unsigned n = 0; n < 2'000; ++n)
        all.push_back(f.join(v6_client(n)));
    REQUIRE(f.finish());
    CHECK(std::ranges::all_of(all, [](const auto& one) { return one.score().value == 1; }));
}

TEST_CASE("network budget: a whole IPv4 /24 at once is within it", "[dnsbl]")
{
    fixture f;
    std::vector<dnsbl_lookup::subscription> all;
    for (unsigned n = 0; n < 256; ++n)
        all.push_back(f.join(v4_client(n)));
    REQUIRE(f.finish());
    CHECK(f.server.queries() == 256);
    CHECK(std::ranges::all_of(
        all, [](const auto& one) { return one.is_own() && one.score().complete; }));
}

TEST_CASE("network budget: IPv4 neighbours beyond it wait for lookups of their own", "[dnsbl]")
{
    fixture f;
    // Nothing is kept, so that each connection is a lookup.
    f.server.on_others([](const std::string&) { return dns_reply::nxdomain_without_soa(); });
    for (unsigned n = 0; n < budget_of_network; ++n)
        (void)f.join(v4_client(n)); // gone before they are asked about, and counted all the same
    const auto late = f.join(v4_client(7));
    CHECK_FALSE(late.done());
    CHECK(late.is_own());
    CHECK(late.score().withheld); // for the time being: a decision now must not pass it
    REQUIRE(f.finish());          // one more is free every quarter of a second
    CHECK(late.done());
    CHECK_FALSE(late.score().withheld);
    CHECK(late.score().complete);
}

TEST_CASE("network budget: without lists there is none", "[dnsbl]")
{
    fixture f;
    f.sites = std::make_shared<const dnsbl::site_set>();
    for (unsigned n = 0; n < 2 * budget_of_network; ++n)
        CHECK_FALSE(f.join(v4_client(n)).score().withheld);
}

TEST_CASE("network budget: whoever has none in time is withheld, not let through", "[dnsbl]")
{
    fixture f;
    for (unsigned n = 0; n < budget_of_network; ++n)
        (void)f.join(v4_client(n));
    const auto late = f.join(v4_client(7), 50ms);
    const auto questions = f.server.queries();
    REQUIRE(f.finish());
    CHECK(late.done());
    CHECK(late.score().withheld);
    CHECK_FALSE(late.score().complete);
    CHECK(f.server.queries() == questions);
}

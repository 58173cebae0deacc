// SPDX-License-Identifier: Apache-2.0
// What a lookup says of lists that did not answer in time.
#include "fendmail/core/dnsbl/query_name.hpp"
#include "fendmail/io/dnsbl/lookup.hpp"
#include "fendmail/io/os/clock.hpp"
#include "support/catch.hpp"
#include "support/dns_server.hpp"
#include "support/run_until.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <fmt/format.h>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

using namespace fendmail;
using namespace std::chrono_literals;
using io::dnsbl_lookup;
using test::dns_reply;
using test::run_until;

namespace {

class recorder final : public event_sink {
public:
    void on(const any_event& what) noexcept override
    {
        const auto* const failed = std::get_if<event::dnsbl_failed>(&what);
        if (failed == nullptr) return;
        lines.push_back(fmt::format("{}: {}", failed->zone, failed->reason));
        told.emplace(failed->zone, io::steady_now());
    }
    std::vector<std::string> lines;
    std::map<std::string, tick> told; ///< by list: when it was told of first
};

ip_address client(unsigned number)
{
    return ip_address::v4({192, 0, 2, static_cast<std::uint8_t>(number)});
}

struct fixture {
    test::dns_server server;
    boost::asio::io_context context;
    recorder events;
    std::shared_ptr<const dnsbl::site_set> sites = std::make_shared<const dnsbl::site_set>(
        dnsbl::make_site_set({*dnsbl::parse_site("a.test*2"), *dnsbl::parse_site("b.test")}, {}));
    io::deadline_queue deadlines{context};
    io::resolver_pool resolvers{context, {server.address()}, nullptr};
    dnsbl_lookup lookups{context, events, deadlines, resolvers};

    fixture()
    {
        server.on_others([](const std::string&) { return dns_reply::nxdomain(60s, 60s); });
    }
    [[nodiscard]] dnsbl_lookup::subscription join(const ip_address& about, milliseconds timeout)
    {
        io::lookup_hints hints;
        hints.limits = dnsbl::score_limits{.threshold = 1};
        return lookups.join(about, sites, timeout, nullptr, hints);
    }
    [[nodiscard]] bool runs_until_done(const dnsbl_lookup::subscription& one)
    {
        return run_until(context, [&one] { return one.done(); });
    }
    [[nodiscard]] std::size_t asked(const ip_address& about, const std::string& zone) const
    {
        return server.queries(dnsbl::query_name(about, zone));
    }
};

} // namespace

TEST_CASE("lookup deadline: each list that was asked in vain is told as a timeout, in its own time",
          "[dnsbl]")
{
    // The resolver and the lookup look at the same deadlines, each by a timer of its own. Those
    // that are due at one wake (a busy machine) may be told in any order; none is told early.
    fixture f;
    f.server.on_others([](const std::string&) { return dns_reply::silence(); });
    std::vector<dnsbl::site> all;
    for (int i = 0; i < 40; ++i)
        all.push_back(*dnsbl::parse_site(fmt::format("l{}.test", i)));
    auto sites = dnsbl::make_site_set(all, {});
    std::vector<std::string> expected;
    for (auto& zone : sites.zones) {
        zone.timeout = milliseconds{100} + 3ms * expected.size();
        expected.push_back(fmt::format("{}: timeout", zone.zone));
    }
    f.sites = std::make_shared<const dnsbl::site_set>(std::move(sites));
    const tick begun = io::steady_now();
    const auto mine = f.join(client(1), 10s);
    REQUIRE(f.runs_until_done(mine));
    std::ranges::sort(expected);
    std::ranges::sort(f.events.lines);
    CHECK(f.events.lines == expected);
    for (const auto& zone : f.sites->zones) {
        INFO(zone.zone);
        REQUIRE(f.events.told.contains(zone.zone));
        CHECK(f.events.told.at(zone.zone) - begun >= *zone.timeout);
    }
}

TEST_CASE("lookup deadline: what waits for an answer over TCP was asked", "[dnsbl]")
{
    fixture f;
    f.server.on_others([questions = 0](const std::string& name) mutable {
        if (name.ends_with("a.test")) return dns_reply::nxdomain(60s, 60s);
        return ++questions == 1 ? dns_reply::nxdomain(60s, 60s).truncated() : dns_reply::silence();
    });
    const auto mine = f.join(client(1), 100ms);
    REQUIRE(f.runs_until_done(mine));
    CHECK(f.events.lines == std::vector<std::string>{"b.test: timeout"});
}

TEST_CASE("lookup deadline: a list that has fallen silent holds no question to the others back",
          "[dnsbl]")
{
    fixture f;
    const auto first = f.join(client(1), 10s);
    REQUIRE(f.runs_until_done(first)); // it has answered: it is worth waiting for
    f.server.on_others([](const std::string& name) {
        return name.ends_with("a.test") ? dns_reply::silence() : dns_reply::nxdomain(60s, 60s);
    });
    std::vector<dnsbl_lookup::subscription> crowd;
    for (unsigned i = 100; i < 200; ++i)
        crowd.push_back(f.join(client(i), 40s));
    // Three quarters of their time would be 30 s, and nothing here takes so long.
    CHECK(run_until(f.context, [&] { return f.asked(client(199), "b.test") > 0; }));
}

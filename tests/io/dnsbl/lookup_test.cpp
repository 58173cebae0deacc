// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/dnsbl/lookup.hpp"

#include "fendmail/core/dnsbl/query_name.hpp"

#include "support/catch.hpp"
#include "support/dns_server.hpp"
#include "support/run_until.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <fmt/format.h>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

using namespace fendmail;
using namespace std::chrono_literals;
using io::dnsbl_lookup;
using test::dns_reply;
using test::dns_server;
using test::run_until;
using subscription = dnsbl_lookup::subscription;

namespace {

const ip_address client = ip_address::v4({192, 0, 2, 99});
const ip_address v6_client =
    ip_address::v6({0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
constexpr milliseconds long_enough{10s};

/// Events as short lines.
class recorder final : public event_sink {
public:
    void on(const any_event& what) noexcept override
    {
        std::visit([this](const auto& one) { lines.push_back(line(one)); }, what);
    }
    [[nodiscard]] std::size_t count(const std::string& line) const
    {
        return static_cast<std::size_t>(std::ranges::count(lines, line));
    }
    std::vector<std::string> lines;

private:
    static std::string line(const event::dnsbl_listed& e)
    {
        return fmt::format("{} listed by {} as {}", to_text(e.client), e.zone, to_text(e.answer));
    }
    static std::string line(const event::dnsbl_answer_ignored& e)
    {
        return fmt::format("{} ignored {} of {}{}", to_text(e.client), to_text(e.answer), e.zone,
                           e.error_code ? ", error" : "");
    }
    static std::string line(const event::dnsbl_failed& e)
    {
        return fmt::format("{} failed: {}", e.zone, e.reason);
    }
    static std::string line(const event::resolver_unavailable& e)
    {
        return fmt::format("unavailable: {}", e.reason);
    }
    static std::string line(const event::resolver_available&) { return "available"; }
    template <class Other>
    static std::string line(const Other&)
    {
        return "something else";
    }
};

/// Counts its wakes and may do something in them.
struct sleeper final : io::waiter {
    void wake() noexcept override
    {
        ++woken;
        if (then) then();
    }
    int woken = 0;
    std::function<void()> then;
};

std::shared_ptr<const dnsbl::site_set> sites(std::initializer_list<const char*> texts)
{
    std::vector<dnsbl::site> all;
    for (const auto* text : texts) {
        const auto parsed = dnsbl::parse_site(text);
        REQUIRE(parsed.has_value());
        all.push_back(*parsed);
    }
    return std::make_shared<const dnsbl::site_set>(
        dnsbl::make_site_set(all, {{"secret.zen.test", "zen.test"}}));
}

struct fixture {
    dns_server server;
    boost::asio::io_context context;
    recorder events;
    io::deadline_queue deadlines{context};
    io::resolver_pool resolvers{context, {server.address()}, nullptr};
    std::optional<dnsbl_lookup> lookups{std::in_place, context, events, deadlines, resolvers};

    void answers(const ip_address& about, const char* zone, dns_reply reply)
    {
        server.on(dnsbl::query_name(about, zone), std::move(reply));
    }
    [[nodiscard]] std::size_t asked(const char* zone, const ip_address& about = client) const
    {
        return server.queries(dnsbl::query_name(about, zone));
    }
    [[nodiscard]] subscription join(const std::shared_ptr<const dnsbl::site_set>& set,
                                    io::waiter* who, milliseconds limit = long_enough)
    {
        return lookups->join(client, set, limit, who);
    }
    [[nodiscard]] bool runs_until(const std::function<bool()>& condition)
    {
        return run_until(context, condition);
    }
    /// The score of a lookup from its start to its end.
    dnsbl::score score_of(const std::shared_ptr<const dnsbl::site_set>& set,
                          const ip_address& about = client, milliseconds limit = long_enough)
    {
        sleeper who;
        const auto joined = lookups->join(about, set, limit, &who);
        if (joined.done()) return joined.score();
        REQUIRE(runs_until([&who] { return who.woken > 0; }));
        CHECK(joined.done());
        const auto score = joined.score();
        // The sets of these tests outlive the subscription, and so does the name.
        return score;
    }
};

} // namespace

TEST_CASE("dnsbl lookup: asks all zones and adds up what they say", "[dnsbl]")
{
    fixture f;
    f.answers(client, "secret.zen.test", dns_reply::a({"127.0.0.2", "127.0.0.4"}, 300s));
    f.answers(client, "b.test", dns_reply::nxdomain(60s, 60s));
    f.answers(client, "w.test", dns_reply::nxdomain(120s, 120s));
    const auto set =
        sites({"secret.zen.test*3", "b.test*2", "w.test*-4", "secret.zen.test=127.0.0.4*1"});
    const auto score = f.score_of(set);
    CHECK(score.value == 4);
    CHECK(score.complete);
    CHECK((score.ttl == 120s));
    CHECK(score.reply_name == "zen.test");
    CHECK(f.server.queries() == 3);
    CHECK(f.events.lines == std::vector<std::string>{"192.0.2.99 listed by zen.test as 127.0.0.2",
                                                     "192.0.2.99 listed by zen.test as 127.0.0.4"});
}

TEST_CASE("dnsbl lookup: IPv6 clients are asked about by nibbles", "[dnsbl]")
{
    fixture f;
    f.server.on("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.a.test",
                dns_reply::a({"127.0.0.2"}, 60s));
    const auto set = sites({"a.test"});
    CHECK(f.score_of(set, v6_client).value == 1);
    CHECK(f.score_of(set, client).value == 0);
}

TEST_CASE("dnsbl lookup: without zones it is done at once", "[dnsbl]")
{
    fixture f;
    sleeper who;
    const auto joined = f.join(sites({}), &who);
    CHECK(joined.done());
    CHECK(joined.score().complete);
    CHECK(who.woken == 0);
    CHECK(f.lookups->running() == 0);
}

TEST_CASE("dnsbl lookup: a subscription to nothing is done", "[dnsbl]")
{
    subscription nothing;
    CHECK(nothing.done());
    CHECK(nothing.score().value == 0);
    CHECK_FALSE(nothing.score().complete);
    fixture f;
    auto joined = f.join(sites({"a.test"}), nullptr);
    const auto moved = std::move(joined);
    CHECK(joined.done()); // NOLINT(bugprone-use-after-move): what a moved-from one says
    CHECK_FALSE(moved.done());
}

TEST_CASE("dnsbl lookup: sessions of one client share a running lookup", "[dnsbl]")
{
    fixture f;
    f.answers(client, "a.test", dns_reply::a({"127.0.0.2"}, 60s).held());
    const auto set = sites({"a.test"});
    sleeper first;
    sleeper second;
    sleeper other;
    const auto one = f.join(set, &first);
    const auto two = f.join(set, &second);
    const auto three = f.lookups->join(v6_client, set, long_enough, &other);
    CHECK(f.lookups->running() == 2);
    CHECK_FALSE(one.done());
    REQUIRE(f.runs_until([&] { return f.asked("a.test") == 1 && other.woken == 1; }));
    CHECK(first.woken == 0);
    f.server.release();
    REQUIRE(f.runs_until([&] { return first.woken > 0 && second.woken > 0; }));
    CHECK(one.score().value == 1);
    CHECK(two.score().value == 1);
    CHECK(first.woken == 1);
    CHECK(second.woken == 1);
    CHECK(f.asked("a.test") == 1);
    CHECK(f.lookups->running() == 0);
}

TEST_CASE("dnsbl lookup: a score grows while it is waited for", "[dnsbl]")
{
    fixture f;
    f.answers(client, "a.test", dns_reply::a({"127.0.0.2"}, 60s));
    f.answers(client, "b.test", dns_reply::a({"127.0.0.2"}, 60s).held());
    sleeper who;
    const auto joined = f.join(sites({"a.test*2", "b.test*3"}), &who);
    REQUIRE(f.runs_until([&] { return joined.score().value == 2; }));
    CHECK_FALSE(joined.done());
    CHECK_FALSE(joined.score().complete);
    CHECK(who.woken == 0);
    f.server.release();
    REQUIRE(f.runs_until([&] { return joined.done(); }));
    CHECK(joined.score().value == 5);
    CHECK(who.woken == 1);
}

TEST_CASE("dnsbl lookup: a finished one is kept for its smallest TTL", "[dnsbl]")
{
    fixture f;
    f.answers(client, "a.test", dns_reply::a({"127.0.0.2"}, 300s));
    f.answers(client, "b.test", dns_reply::nxdomain(1s, 60s));
    const auto set = sites({"a.test", "b.test"});
    CHECK(f.score_of(set).value == 1);
    const auto asked_until = std::chrono::steady_clock::now() + 1s;

    sleeper who;
    const auto again = f.join(set, &who);
    CHECK(again.done());
    CHECK(again.score().value == 1);
    CHECK(again.score().complete);
    CHECK(f.asked("a.test") == 1);
    CHECK(f.events.lines.size() == 1); // told once
    // The age counts: what is left of the TTL is less than the list gave.
    REQUIRE(again.score().ttl.has_value());
    CHECK((*again.score().ttl <= 300s));
    CHECK((*again.score().ttl >= 298s));

    REQUIRE(f.runs_until([&] { return std::chrono::steady_clock::now() > asked_until; }));
    const auto fresh = f.join(set, &who);
    CHECK_FALSE(fresh.done());
    REQUIRE(f.runs_until([&] { return fresh.done(); }));
    CHECK(f.asked("a.test") == 2);
    CHECK(again.score().value == 1); // the old one stays as it was
}

TEST_CASE("dnsbl lookup: another site set is another lookup", "[dnsbl]")
{
    fixture f;
    f.answers(client, "a.test", dns_reply::a({"127.0.0.2"}, 300s));
    CHECK(f.score_of(sites({"a.test"})).value == 1);
    CHECK(f.score_of(sites({"a.test*5"})).value == 5);
    CHECK(f.asked("a.test") == 2);
}

TEST_CASE("dnsbl lookup: one that is not certain is not kept", "[dnsbl]")
{
    struct row {
        const char* title;
        dns_reply reply;
    };
    const row rows[] = {
        {"TTL 0", dns_reply::a({"127.0.0.2"}, 0s)},
        {"no SOA", dns_reply::nxdomain_without_soa()},
        {"failed", dns_reply::servfail()},
        {"error code", dns_reply::a({"127.255.255.254"}, 300s)},
    };
    for (const row& r : rows) {
        CAPTURE(r.title);
        fixture f;
        f.answers(client, "a.test", r.reply);
        f.answers(client, "b.test", dns_reply::nxdomain(300s, 300s));
        const auto set = sites({"a.test", "b.test"});
        f.score_of(set);
        f.score_of(set);
        CHECK(f.asked("b.test") == 2);
    }
}

TEST_CASE("dnsbl lookup: a zone that fails leaves the score incomplete and is told", "[dnsbl]")
{
    fixture f;
    f.answers(client, "a.test", dns_reply::refused());
    f.answers(client, "b.test", dns_reply::a({"127.0.0.2"}, 60s));
    const auto set = sites({"a.test*5", "b.test*2"});
    const auto score = f.score_of(set);
    CHECK(score.value == 2);
    CHECK_FALSE(score.complete);
    CHECK_FALSE(score.ttl);
    CHECK(f.events.count("a.test failed: REFUSED") == 1);
    CHECK(f.events.lines.size() == 2);
}

TEST_CASE("dnsbl lookup: a zone with a name for replies is never told by its own", "[dnsbl]")
{
    const std::vector<dns_reply> replies{dns_reply::refused(),
                                         dns_reply::a({"127.0.0.2", "127.255.255.254"}, 60s),
                                         dns_reply::a({"198.51.100.7"}, 60s), dns_reply::silence()};
    for (const auto& reply : replies) {
        fixture f;
        f.answers(client, "secret.zen.test", reply);
        (void)f.score_of(sites({"secret.zen.test"}), client, 200ms);
        REQUIRE_FALSE(f.events.lines.empty());
        for (const auto& line : f.events.lines)
            CHECK(line.find("secret") == std::string::npos);
    }
}

TEST_CASE("dnsbl lookup: answers that are no listings are told and not scored", "[dnsbl]")
{
    fixture f;
    f.answers(client, "a.test", dns_reply::a({"127.255.255.254"}, 60s));
    f.answers(client, "b.test", dns_reply::a({"198.51.100.7"}, 60s));
    const auto score = f.score_of(sites({"a.test", "b.test"}));
    CHECK(score.value == 0);
    CHECK_FALSE(score.complete);
    CHECK(f.events.count("192.0.2.99 ignored 127.255.255.254 of a.test, error") == 1);
    CHECK(f.events.count("192.0.2.99 ignored 198.51.100.7 of b.test") == 1);
}

TEST_CASE("dnsbl lookup: a broken zone is told once in ten seconds, listings always", "[dnsbl]")
{
    fixture f;
    f.server.on_others([](const std::string& name) {
        if (name.ends_with(".a.test")) return dns_reply::servfail();
        if (name.ends_with(".b.test")) return dns_reply::a({"127.255.255.254"}, 60s);
        return dns_reply::a({"127.0.0.2"}, 60s);
    });
    const auto set = sites({"a.test", "b.test", "c.test"});
    for (std::uint8_t n = 0; n < 5; ++n)
        CHECK(f.score_of(set, ip_address::v4({192, 0, 2, n})).value == 1);
    CHECK(f.events.count("a.test failed: SERVFAIL") == 1);
    CHECK(f.events.count("192.0.2.0 ignored 127.255.255.254 of b.test, error") == 1);
    CHECK(f.events.lines.size() == 7);
}

TEST_CASE("dnsbl lookup: the deadline ends it with what is known", "[dnsbl]")
{
    fixture f;
    f.answers(client, "a.test", dns_reply::a({"127.0.0.2"}, 60s));
    f.answers(client, "b.test", dns_reply::a({"127.0.0.2"}, 60s).held());
    const auto set = sites({"a.test*2", "b.test*3"});
    sleeper who;
    const auto joined = f.join(set, &who, 100ms);
    REQUIRE(f.runs_until([&] { return who.woken > 0; }));
    CHECK(joined.done());
    CHECK(joined.score().value == 2);
    CHECK_FALSE(joined.score().complete);
    CHECK(f.events.count("b.test failed: timeout") == 1);
    CHECK(f.events.count("unavailable: timeout") == 0); // a.test did answer

    // The late answer belongs to nothing, neither to this lookup nor to the next one.
    sleeper next;
    f.answers(client, "b.test", dns_reply::nxdomain(60s, 60s));
    const auto second = f.join(set, &next);
    f.server.release();
    REQUIRE(f.runs_until([&] { return next.woken > 0; }));
    CHECK(second.score().value == 2);
    CHECK(second.score().complete);
    CHECK(joined.score().value == 2);
    CHECK(who.woken == 1);
}

TEST_CASE("dnsbl lookup: deadlines end in their own order", "[dnsbl]")
{
    fixture f;
    f.server.on_others([](const std::string&) { return dns_reply::silence(); });
    const auto set = sites({"a.test"});
    std::vector<int> order;
    sleeper slow;
    sleeper quick;
    sleeper middle;
    slow.then = [&order] { order.push_back(3); };
    middle.then = [&order] { order.push_back(2); };
    quick.then = [&order] { order.push_back(1); };
    const auto one = f.lookups->join(client, set, 300ms, &slow);
    const auto two = f.lookups->join(v6_client, set, 50ms, &quick);
    const auto three = f.lookups->join(ip_address{}, set, 150ms, &middle);
    REQUIRE(f.runs_until([&order] { return order.size() == 3; }));
    CHECK(order == std::vector<int>{1, 2, 3});
}

TEST_CASE("dnsbl lookup: a resolver that is down is told once, and so is its return", "[dnsbl]")
{
    fixture f;
    const bool is_refused = GENERATE(true, false);
    f.server.on_others([](const std::string&) { return dns_reply::silence(); });
    const auto down = is_refused ? test::dead_resolver_address() : f.server.address();
    const auto one = sites({"a.test", "b.test"});
    f.resolvers.set_common({down});
    f.lookups->watch(one, std::make_shared<io::list_states>(*one), long_enough,
                     dnsbl::timing_for(0ms));
    CHECK_FALSE(f.score_of(one).complete); // it takes some seconds to notice
    CHECK_FALSE(f.score_of(one, v6_client).complete);
    CHECK(f.events.count("unavailable: no answer from any server") == 1);
    CHECK(f.events.lines.size() <= 3); // not each list for each client
    if (is_refused) return;
    f.server.on_others([](const std::string&) { return dns_reply::nxdomain(60s, 60s); });
    REQUIRE(f.runs_until([&] { return f.events.count("available") == 1; }));
    CHECK(f.score_of(one).complete);
    CHECK(f.events.count("unavailable: no answer from any server") == 1);
}

TEST_CASE("dnsbl lookup: a running lookup ends with the resolvers it began with", "[dnsbl]")
{
    fixture f;
    dns_server other;
    f.answers(client, "a.test", dns_reply::a({"127.0.0.2"}, 60s).held());
    const auto set = sites({"a.test"});
    sleeper who;
    const auto joined = f.join(set, &who);
    REQUIRE(f.runs_until([&] { return f.asked("a.test") == 1; }));
    f.resolvers.set_common({other.address()});
    CHECK(f.score_of(set, v6_client).value == 0);
    CHECK(other.queries() == 1);
    f.server.release();
    REQUIRE(f.runs_until([&] { return joined.done(); }));
    CHECK(joined.score().value == 1);
    CHECK(who.woken == 1);
}

TEST_CASE("dnsbl lookup: it goes on when its last session leaves", "[dnsbl]")
{
    fixture f;
    f.answers(client, "a.test", dns_reply::a({"127.0.0.2"}, 60s).held());
    const auto set = sites({"a.test"});
    sleeper who;
    {
        const auto joined = f.join(set, &who);
        REQUIRE(f.runs_until([&] { return f.asked("a.test") == 1; }));
    }
    CHECK(f.lookups->running() == 1);
    f.server.release();
    REQUIRE(f.runs_until([&] { return f.lookups->running() == 0; }));
    CHECK(who.woken == 0);
    CHECK(f.join(set, &who).score().value == 1);
    CHECK(f.asked("a.test") == 1);
}

TEST_CASE("dnsbl lookup: what was not sent when its last session leaves is never asked", "[dnsbl]")
{
    fixture f;
    const auto set = sites({"a.test"});
    sleeper who;
    {
        const auto joined = f.join(set, &who);
        const auto second = f.join(set, &who);
        CHECK(f.lookups->running() == 1);
    }
    CHECK(f.lookups->running() == 0);
    CHECK(f.score_of(set, v6_client).complete);
    CHECK(f.asked("a.test") == 0);
    CHECK(who.woken == 0);
}

// postscreen had three bugs of this kind: a session that left freed or woke another one's score.
TEST_CASE("dnsbl lookup: whoever leaves a shared lookup leaves the others alone", "[dnsbl]")
{
    constexpr int count = 4;
    const bool by_deadline = GENERATE(false, true);
    // In each waiter's wake, every subset of the sessions leaves.
    for (int waker = 0; waker < count; ++waker)
        for (int leaving = 0; leaving < 1 << count; ++leaving) {
            CAPTURE(by_deadline, waker, leaving);
            fixture f;
            f.answers(client, "a.test",
                      by_deadline ? dns_reply::silence() : dns_reply::a({"127.0.0.2"}, 0s));
            const auto set = sites({"a.test"});
            std::vector<sleeper> who(count);
            std::vector<std::optional<subscription>> joined(count);
            for (int n = 0; n < count; ++n)
                joined[n] = f.join(set, &who[n], by_deadline ? 5ms : long_enough);
            who[waker].then = [&] {
                for (int n = 0; n < count; ++n)
                    if ((leaving >> n & 1) != 0) joined[n].reset();
            };
            REQUIRE(f.runs_until([&f] { return f.lookups->running() == 0; }));
            for (int n = 0; n < count; ++n) {
                const bool left = (leaving >> n & 1) != 0;
                CHECK(who[n].woken == (left && n > waker ? 0 : 1));
                if (!left) CHECK(joined[n]->score().value == (by_deadline ? 0 : 1));
            }
        }
}

TEST_CASE("dnsbl lookup: a session may leave before, or be moved, and others are woken", "[dnsbl]")
{
    fixture f;
    f.answers(client, "a.test", dns_reply::a({"127.0.0.2"}, 60s).held());
    const auto set = sites({"a.test"});
    sleeper first;
    sleeper second;
    sleeper third;
    auto one = f.join(set, &first);
    auto two = f.join(set, &second);
    auto three = f.join(set, &third);
    two = subscription{};
    subscription moved = std::move(three);
    one = std::move(moved); // the first one leaves by this
    f.server.release();
    REQUIRE(f.runs_until([&one] { return one.done(); }));
    CHECK(first.woken == 0);
    CHECK(second.woken == 0);
    CHECK(third.woken == 1);
    CHECK(one.score().value == 1);
}

TEST_CASE("dnsbl lookup: a wake may join again", "[dnsbl]")
{
    fixture f;
    f.answers(client, "a.test", dns_reply::a({"127.0.0.2"}, 0s)); // not kept: asked anew
    const auto set = sites({"a.test"});
    sleeper who;
    subscription joined;
    who.then = [&] {
        if (who.woken < 5) joined = f.join(set, &who);
    };
    joined = f.join(set, &who);
    REQUIRE(f.runs_until([&who] { return who.woken == 5; }));
    CHECK(joined.score().value == 1);
    CHECK(f.lookups->running() == 0);
    CHECK(f.asked("a.test") == 5);
}

TEST_CASE("dnsbl lookup: a wake may name other resolvers", "[dnsbl]")
{
    fixture f;
    f.answers(client, "a.test", dns_reply::a({"127.0.0.2"}, 60s));
    sleeper who;
    who.then = [&] { f.resolvers.set_common({test::dead_resolver_address()}); };
    const auto set = sites({"a.test"});
    const auto joined = f.join(set, &who);
    REQUIRE(f.runs_until([&joined] { return joined.done(); }));
    CHECK_FALSE(f.score_of(set, v6_client).complete);
}

TEST_CASE("dnsbl lookup: subscriptions may outlive it", "[dnsbl]")
{
    fixture f;
    f.answers(client, "a.test", dns_reply::a({"127.0.0.2"}, 60s).held());
    dns_server other;
    other.on(dnsbl::query_name(client, "b.test"), dns_reply::silence());
    sleeper who;
    const auto running = f.join(sites({"a.test"}), &who);
    f.resolvers.set_common({other.address()});
    const auto with_other = f.join(sites({"b.test"}), &who);
    REQUIRE(f.runs_until([&f] { return f.server.queries() == 1; }));
    f.lookups.reset();
    f.server.release();
    f.context.restart();
    f.context.run_for(20ms);
    CHECK_FALSE(running.done());
    CHECK(running.score().value == 0);
    CHECK(who.woken == 0);
}

TEST_CASE("dnsbl lookup: finished lookups of sites that are no longer used are dropped", "[dnsbl]")
{
    fixture f;
    f.answers(client, "one.test", dns_reply::nxdomain(60s, 60s));
    const auto old_sites = sites({"one.test"});
    sleeper who;
    {
        const auto asked = f.lookups->join(client, old_sites, 5s, &who);
        REQUIRE(run_until(f.context, [&] { return asked.done(); }));
    }
    REQUIRE(f.lookups->kept() == 1);
    f.lookups->keep_only(*old_sites);
    CHECK(f.lookups->kept() == 1);
    const auto fresh_sites = sites({"one.test"});
    f.lookups->keep_only(*fresh_sites);
    CHECK(f.lookups->kept() == 0);
    CHECK(old_sites.use_count() == 1);
}

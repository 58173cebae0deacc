// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/dnsbl/lookup.hpp"

#include "fendmail/core/dnsbl/query_name.hpp"
#include "support/catch.hpp"
#include "support/dns_server.hpp"
#include "support/run_until.hpp"

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <fmt/format.h>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

using namespace fendmail;
using namespace std::chrono_literals;
using io::dnsbl_lookup;
using test::dns_reply;
using test::dns_server;
using test::run_until;

namespace {

constexpr milliseconds often{20}; // from test to test
constexpr milliseconds once{1h};
constexpr milliseconds long_enough{10s};

ip_address client(unsigned number)
{
    return ip_address::v4({192, 0, 2, static_cast<std::uint8_t>(number)});
}

/// Events about lists and resolvers as short lines.
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
    static std::string line(const event::list_suspended& e)
    {
        return fmt::format("{} suspended: {}", e.zone, e.trouble);
    }
    static std::string line(const event::list_restored& e)
    {
        return fmt::format("{} restored", e.zone);
    }
    static std::string line(const event::resolver_distrusted&) { return "resolver distrusted"; }
    static std::string line(const event::resolver_restored&) { return "resolver restored"; }
    static std::string line(const event::caution& e) { return std::string{e.text}; }
    template <class Other>
    static std::string line(const Other&)
    {
        return "something else";
    }
};

struct sleeper final : io::waiter {
    void wake() noexcept override { ++woken; }
    int woken = 0;
};

enum class mood { well, only_listings, silent, fails, lists_everybody, refuses, rewrites };

/// Lists that keep to RFC 5782 §5 or not, as their mood of the moment is.
class lists {
public:
    lists()
    {
        server_.on_others([this](const std::string& name) { return answer(name); });
    }
    [[nodiscard]] dns::server_address address() const { return server_.address(); }
    [[nodiscard]] std::size_t asked(const ip_address& about, const std::string& zone) const
    {
        return server_.queries(dnsbl::query_name(about, zone));
    }
    void set(const std::string& zone, mood now)
    {
        const std::lock_guard held{mutex_};
        moods_[zone] = now;
    }
    /// Of names that belong to no zone.
    void set_rewriting(bool now) { rewriting_ = now; }
    void list(const ip_address& who, const std::string& zone)
    {
        const std::lock_guard held{mutex_};
        listed_.push_back(dnsbl::query_name(who, zone));
    }

private:
    dns_reply answer(const std::string& name)
    {
        const auto listing = dns_reply::a({"127.0.0.2"}, 60s);
        const auto nobody = dns_reply::nxdomain(60s, 60s);
        const std::lock_guard held{mutex_};
        if (rewriting_) return dns_reply::a({"10.0.0.1"}, 60s);
        for (const auto& [zone, now] : moods_) {
            if (!name.ends_with("." + zone)) continue;
            switch (now) {
            case mood::well:
            case mood::only_listings: break;
            case mood::silent: return dns_reply::silence();
            case mood::fails: return dns_reply::servfail();
            case mood::lists_everybody: return listing;
            case mood::refuses: return dns_reply::a({"127.255.255.254"}, 60s);
            case mood::rewrites: return dns_reply::a({"10.0.0.1"}, 60s);
            }
            const bool is_entry = name == "2.0.0.127." + zone;
            if (is_entry || std::ranges::count(listed_, name) > 0) return listing;
            return now == mood::only_listings ? dns_reply::silence() : nobody;
        }
        return nobody;
    }

    std::mutex mutex_;
    std::map<std::string, mood> moods_;
    std::vector<std::string> listed_;
    std::atomic<bool> rewriting_{false};
    dns_server server_; // last: its thread asks us
};

/// One worker, or with two of them what both are told.
struct fixture {
    lists dns;
    boost::asio::io_context context;
    recorder events;
    std::shared_ptr<const dnsbl::site_set> sites;
    std::shared_ptr<io::list_states> states;
    io::deadline_queue deadlines{context};
    io::resolver_pool resolvers{context, {dns.address()}, nullptr};
    std::optional<dnsbl_lookup> lookups;

    explicit fixture(std::vector<const char*> texts)
    {
        std::vector<dnsbl::site> all;
        for (const char* text : texts) {
            all.push_back(*dnsbl::parse_site(text));
            dns.set(all.back().zone, mood::well);
        }
        sites = std::make_shared<const dnsbl::site_set>(dnsbl::make_site_set(all, {}));
        states = std::make_shared<io::list_states>(*sites);
        lookups.emplace(context, events, deadlines, resolvers);
    }
    void watch(milliseconds interval, milliseconds timeout = long_enough)
    {
        lookups->watch(sites, states, timeout, dnsbl::timing_for(interval));
    }
    [[nodiscard]] bool runs_until(const std::function<bool()>& condition)
    {
        return run_until(context, condition);
    }
    [[nodiscard]] bool is_told(const std::string& line)
    {
        return runs_until([&] { return events.count(line) > 0; });
    }
    dnsbl::score score_of(const ip_address& who, milliseconds limit = long_enough)
    {
        sleeper sleeping;
        const auto joined = lookups->join(who, sites, limit, &sleeping);
        REQUIRE(runs_until([&] { return joined.done(); }));
        return joined.score();
    }
};

} // namespace

TEST_CASE("list monitor: a list in trouble is told once, not asked, and comes back", "[dnsbl]")
{
    struct row {
        mood now;
        const char* trouble;
    };
    for (const row& one :
         {row{mood::lists_everybody, "lists_everybody"}, row{mood::refuses, "refuses"},
          row{mood::rewrites, "foreign"}, row{mood::fails, "silent"}}) {
        CAPTURE(one.trouble);
        fixture f{{"bad.test*3", "good.test"}};
        f.dns.set("bad.test", one.now);
        f.dns.list(client(1), "good.test");
        f.dns.list(client(3), "bad.test");
        f.watch(often);
        const auto suspended = fmt::format("bad.test suspended: {}", one.trouble);
        REQUIRE(f.is_told(suspended));

        const auto score = f.score_of(client(1));
        CHECK(score.value == 1);
        CHECK_FALSE(score.complete);
        CHECK(f.score_of(client(2)).value == 0);
        CHECK(f.dns.asked(client(1), "bad.test") == 0);

        f.dns.set("bad.test", mood::well);
        REQUIRE(f.is_told("bad.test restored"));
        CHECK(f.score_of(client(3)).value == 3);
        CHECK(f.events.count(suspended) == 1);
        CHECK(f.events.count("bad.test restored") == 1);
    }
}

TEST_CASE("list monitor: a list that begins to list everybody refuses not even the first",
          "[dnsbl]")
{
    fixture f{{"bad.test"}};
    f.dns.list(client(1), "bad.test");
    f.watch(once);
    CHECK(f.score_of(client(1)).value == 1);
    f.dns.set("bad.test", mood::lists_everybody);
    const auto score = f.score_of(client(2));
    CHECK(score.value == 0);
    CHECK_FALSE(score.complete);
    CHECK(f.is_told("bad.test suspended: lists_everybody"));
}

TEST_CASE("list monitor: a listing that cannot be confirmed in time does not count", "[dnsbl]")
{
    fixture f{{"bad.test"}};
    f.dns.list(client(1), "bad.test");
    f.dns.set("bad.test", mood::only_listings);
    f.watch(once);
    const auto score = f.score_of(client(1), 100ms);
    CHECK(score.value == 0);
    CHECK_FALSE(score.complete);
    CHECK(f.dns.asked(client(1), "bad.test") > 0);
}

TEST_CASE("list monitor: a list that fails its clients and its test is waited for no longer",
          "[dnsbl]")
{
    const auto how = GENERATE(mood::fails, mood::silent);
    fixture f{{"bad.test", "good.test"}};
    f.watch(2s, how == mood::silent ? 300ms : long_enough);
    REQUIRE(f.runs_until([&] { return f.dns.asked(*parse_address("127.0.0.2"), "bad.test") > 0; }));
    CHECK(f.score_of(client(0)).complete);
    f.dns.set("bad.test", how);
    (void)f.score_of(client(1), 100ms);
    CHECK(f.dns.asked(client(1), "bad.test") > 0);
    REQUIRE(f.is_told("bad.test suspended: silent"));
    (void)f.score_of(client(2));
    CHECK(f.dns.asked(client(2), "bad.test") == 0);
    CHECK(f.dns.asked(client(2), "good.test") == 1);
}

TEST_CASE("list monitor: a resolver that rewrites is told once for all its lists", "[dnsbl]")
{
    fixture f{{"a.test", "b.test"}};
    f.dns.set_rewriting(true);
    f.watch(often);
    REQUIRE(f.is_told("resolver distrusted"));
    REQUIRE(f.runs_until([&] { return f.states->is_suspended(0) && f.states->is_suspended(1); }));
    CHECK(f.score_of(client(1)).value == 0);
    f.dns.set_rewriting(false);
    REQUIRE(f.is_told("resolver restored"));
    CHECK(f.events.lines == std::vector<std::string>{"resolver distrusted", "resolver restored"});
}

TEST_CASE("list monitor: what one worker finds holds for all, and is told once", "[dnsbl]")
{
    fixture f{{"bad.test"}};
    io::resolver_pool its_resolvers{f.context, {f.dns.address()}, nullptr};
    dnsbl_lookup other{f.context, f.events, f.deadlines, its_resolvers};
    f.dns.set("bad.test", mood::refuses);
    f.watch(often);
    REQUIRE(f.is_told("bad.test suspended: refuses"));
    // It has not tested anything yet.
    other.watch(f.sites, f.states, long_enough, dnsbl::timing_for(once));
    const auto joined = other.join(client(1), f.sites, long_enough, nullptr);
    CHECK(joined.done());
    CHECK(f.dns.asked(client(1), "bad.test") == 0);

    f.dns.set("bad.test", mood::well);
    REQUIRE(f.runs_until([&] { return !f.states->is_suspended(0); }));
    CHECK(f.events.count("bad.test suspended: refuses") == 1);
    CHECK(f.events.count("bad.test restored") == 1);
}

TEST_CASE("list monitor: a session is woken when the lists that are left can change nothing",
          "[dnsbl]")
{
    fixture f{{"silent.test*2", "good.test*2"}};
    f.dns.set("silent.test", mood::silent);
    f.dns.list(client(1), "good.test");
    f.watch(milliseconds{0});
    sleeper listed;
    sleeper unlisted;
    const io::lookup_hints hints{dnsbl::score_limits{2, 0}, false};
    const auto sure = f.lookups->join(client(1), f.sites, long_enough, &listed, hints);
    const auto unsure = f.lookups->join(client(2), f.sites, long_enough, &unlisted, hints);
    REQUIRE(f.runs_until([&] { return listed.woken > 0; }));
    CHECK(sure.is_certain());
    CHECK_FALSE(sure.done());
    CHECK(sure.score().value == 2);
    CHECK(unlisted.woken == 0);
    CHECK_FALSE(unsure.is_certain());
}

TEST_CASE("list monitor: a zone has its own resolver and its own time", "[dnsbl]")
{
    fixture f{{"a.test", "b.test"}};
    lists other;
    other.set("b.test", mood::well);
    other.list(client(1), "b.test");
    auto changed = *f.sites;
    changed.zones[0].timeout = 50ms;
    changed.zones[1].resolvers = {other.address()};
    f.sites = std::make_shared<const dnsbl::site_set>(changed);
    f.states = std::make_shared<io::list_states>(*f.sites);
    f.dns.set("a.test", mood::silent);
    f.watch(milliseconds{0});
    const auto begun = std::chrono::steady_clock::now();
    CHECK(f.score_of(client(1)).value == 1);
    CHECK(std::chrono::steady_clock::now() - begun < long_enough);
    CHECK(f.dns.asked(client(1), "b.test") == 0);
    CHECK(other.asked(client(1), "b.test") == 1);
}

TEST_CASE("list monitor: it may end in the middle of anything", "[dnsbl]")
{
    fixture f{{"bad.test", "good.test"}};
    f.dns.set("good.test", mood::silent);
    f.dns.list(client(1), "bad.test");
    f.watch(once);
    sleeper who;
    auto joined = f.lookups->join(client(1), f.sites, long_enough, &who);
    REQUIRE(f.runs_until([&] { return f.dns.asked(client(1), "bad.test") > 0; }));
    SECTION("by another watch")
    {
        f.watch(once);
    }
    SECTION("by no watch")
    {
        f.watch(milliseconds{0});
    }
    SECTION("with everything")
    {
        f.lookups.reset();
    }
    SECTION("after the session has gone")
    {
        joined = {};
        f.watch(milliseconds{0});
    }
    f.context.restart();
    f.context.run_for(20ms);
    CHECK(who.woken == 0);
}

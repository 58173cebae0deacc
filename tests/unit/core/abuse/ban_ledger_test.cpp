// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/abuse/ban_ledger.hpp"

#include "support/catch.hpp"

#include <fmt/format.h>
#include <random>
#include <string>

using namespace fendmail;
using namespace fendmail::abuse;
using namespace std::chrono_literals;

namespace {

constexpr instant start{1'800'000'000s};
constexpr tick begun = tick{} + 1000h;

network host(unsigned number)
{
    return *parse_network(fmt::format("198.51.{}.{}", number / 200, 1 + number % 200));
}

offence_set only(offence o)
{
    offence_set all;
    all.add(o);
    return all;
}

ban_guard unguarded(const network&)
{
    return ban_guard::none;
}

ban_ledger::moment at(seconds after, double jitter = 0)
{
    return {start + after, begun + after, jitter};
}

struct bench {
    ban_ledger ledger;
    ban_rules rules;

    explicit bench(std::size_t places = 1000)
        : ledger{places}
    {
        rules.action = ban_action::enforce;
        ledger.configure(rules);
    }
    ban_ledger::judgement offend(const network& who, offence o, seconds after, double jitter = 0)
    {
        return ledger.note(who, only(o), at(after, jitter), unguarded);
    }
    /// @return the ban, which must begin with the second one
    offender ban(const network& who, seconds after)
    {
        (void)offend(who, offence::dnsbl, after);
        const auto got = offend(who, offence::dnsbl, after);
        REQUIRE(got.what == ban_ledger::outcome::banned);
        return *got.client;
    }
};

using outcome = ban_ledger::outcome;

} // namespace

TEST_CASE("bans: points add up, and the session that makes them enough bans its client", "[bans]")
{
    bench b;
    const auto who = host(1);
    CHECK(b.offend(who, offence::pregreet, 0s).what == outcome::counted); // 3
    CHECK(b.offend(who, offence::pregreet, 0s).what == outcome::counted); // 6
    CHECK(b.offend(who, offence::pregreet, 0s).what == outcome::counted); // 9
    const auto got = b.offend(who, offence::rate, 0s);                    // 11
    REQUIRE(got.what == outcome::banned);
    CHECK(got.client->until == start + 6h);
    CHECK(reason_of(*got.client) == "pregreet*3,rate");
    CHECK(b.ledger.banned() == 1);
    // Another one has nothing to do with it.
    CHECK(b.ledger.find(host(2)) == nullptr);
}

TEST_CASE("bans: offences of one session count once each, and those of no points not at all",
          "[bans]")
{
    bench b;
    offence_set all;
    all.add(offence::pregreet);
    all.add(offence::pipelining);
    all.add(offence::no_ptr);
    CHECK(b.ledger.note(host(1), all, at(0s), unguarded).what == outcome::counted);
    CHECK(b.ledger.find(host(1))->milli_points == 6000);
    CHECK(reason_of(*b.ledger.find(host(1))) == "pregreet,pipelining");
}

TEST_CASE("bans: points leak away in the window, and not before", "[bans]")
{
    bench b; // 10 points in an hour
    const auto who = host(1);
    (void)b.offend(who, offence::dnsbl, 0s); // 5
    // 9 minutes later 1.5 have gone: 3.5 + 5 are not enough.
    CHECK(b.offend(who, offence::dnsbl, 540s).what == outcome::counted);
    CHECK(b.ledger.find(who)->milli_points == 8500);
    CHECK(b.offend(who, offence::rate, 541s).what == outcome::banned);
    // A point counts until all of it has leaked, which takes six minutes.
    bench other;
    (void)other.offend(host(7), offence::dnsbl, 0s);
    (void)other.offend(host(8), offence::dnsbl, 0s);
    CHECK(other.offend(host(7), offence::dnsbl, 359s).what == outcome::banned);
    CHECK(other.offend(host(8), offence::dnsbl, 360s).what == outcome::counted);
    // One each half hour is none too many, however long it goes on.
    for (int i = 0; i < 1000; ++i)
        REQUIRE(b.offend(host(2), offence::dnsbl, i * 1800s).what == outcome::counted);
}

TEST_CASE("bans: each is twice as long as the one before, up to the longest", "[bans]")
{
    bench b;
    b.rules.max_time = 30h;
    b.ledger.configure(b.rules);
    seconds now = 0s;
    for (const auto want : {6h, 12h, 24h, 30h, 30h}) {
        const auto got = b.ban(host(1), now);
        CHECK(got.until - got.since == want);
        now += want + 1s;
        CHECK(b.ledger.take_ended(start + now) == std::vector{host(1)});
        CHECK(b.ledger.banned() == 0);
    }
    // After a time without an offence it begins anew.
    now += b.rules.forget;
    CHECK(b.ledger.forget_some(start + now, 100) == std::vector{host(1)});
    const auto again = b.ban(host(1), now);
    CHECK(again.until - again.since == 6h);
}

TEST_CASE("bans: jitter makes one longer by a fifth at most, and never shorter or too long",
          "[bans]")
{
    struct row {
        double jitter;
        seconds want;
    };
    for (const auto& r :
         {row{0, 6h}, row{0.5, 6h + 2160s}, row{1, 6h + 4320s}, row{7, 6h + 4320s}, row{-1, 6h}}) {
        bench b;
        (void)b.offend(host(1), offence::dnsbl, 0s);
        const auto got = b.offend(host(1), offence::dnsbl, 0s, r.jitter);
        REQUIRE(got.what == outcome::banned);
        CHECK(got.client->until - got.client->since == r.want);
    }
    bench b;
    b.rules.max_time = 6h;
    b.ledger.configure(b.rules);
    (void)b.offend(host(1), offence::dnsbl, 0s);
    const auto got = b.offend(host(1), offence::dnsbl, 0s, 1);
    CHECK(got.client->until - got.client->since == 6h);
}

TEST_CASE("bans: what a banned client does changes nothing", "[bans]")
{
    bench b;
    const auto first = b.ban(host(1), 0s);
    for (int i = 0; i < 100; ++i)
        CHECK(b.offend(host(1), offence::dnsbl, 1s * i).what == outcome::counted);
    CHECK(*b.ledger.find(host(1)) == first);
    // What it did before does not make the next one nearer.
    (void)b.ledger.take_ended(first.until);
    CHECK(b.offend(host(1), offence::dnsbl, 6h).what == outcome::counted);
}

TEST_CASE("bans: a network follows its banned addresses, for its own time", "[bans]")
{
    bench b;
    b.rules.network_after = 3;
    b.ledger.configure(b.rules);
    const auto around = *parse_network("198.51.0.0/24");
    for (unsigned i = 0; i < 2; ++i) {
        (void)b.ban(host(i), 0s);
        CHECK(b.ledger.find(around) == nullptr);
    }
    (void)b.ban(host(200), 0s); // in another one
    (void)b.offend(host(2), offence::dnsbl, 0s);
    const auto got = b.offend(host(2), offence::dnsbl, 0s);
    REQUIRE(got.its_network);
    CHECK(got.its_network->who == around);
    CHECK(got.its_network->until == start + 2h);
    CHECK(got.its_network->origin == ban_origin::network);
    // While it is banned, more of its addresses do not ban it again.
    CHECK_FALSE(
        (b.offend(host(3), offence::dnsbl, 0s), b.offend(host(3), offence::dnsbl, 0s)).its_network);
    // When the addresses' bans are over, it takes as many as before.
    (void)b.ledger.take_ended(start + 6h);
    (void)b.offend(host(9), offence::dnsbl, 6h);
    CHECK_FALSE(b.offend(host(9), offence::dnsbl, 6h).its_network);
}

TEST_CASE("bans: one that a guard stands before begins anew, and its network is not banned",
          "[bans]")
{
    bench b;
    b.rules.network_after = 1;
    b.ledger.configure(b.rules);
    const auto guard = [](const network& who) {
        return who == host(1) ? ban_guard::accepted_mail : ban_guard::none;
    };
    (void)b.ledger.note(host(1), only(offence::dnsbl), at(0s), guard);
    const auto got = b.ledger.note(host(1), only(offence::dnsbl), at(0s), guard);
    CHECK(got.what == outcome::withheld);
    CHECK(got.why == ban_guard::accepted_mail);
    CHECK(b.ledger.banned() == 0);
    CHECK(b.ledger.find(host(1))->milli_points == 0);
    // A guard before the network.
    const auto of_network = [](const network& who) {
        return who.prefix_length == 24 ? ban_guard::own_address : ban_guard::none;
    };
    (void)b.ledger.note(host(2), only(offence::dnsbl), at(0s), of_network);
    const auto other = b.ledger.note(host(2), only(offence::dnsbl), at(0s), of_network);
    CHECK(other.what == outcome::banned);
    CHECK_FALSE(other.its_network);
}

TEST_CASE("bans: too many new ones in a minute pause them all until there are fewer", "[bans]")
{
    bench b{10'000};
    b.rules.max_new_per_minute = 50;
    b.ledger.configure(b.rules);
    unsigned next = 0;
    const auto one = [&](seconds when) {
        const auto who = host(next++);
        (void)b.offend(who, offence::dnsbl, when);
        return b.offend(who, offence::dnsbl, when);
    };
    for (int i = 0; i < 50; ++i)
        REQUIRE(one(0s).what == outcome::banned);
    const auto first = one(0s);
    CHECK(first.what == outcome::paused);
    CHECK(first.begins_pause);
    for (int i = 1; i < 2000; ++i) {
        const auto got = one(i * 1s); // one a second is still too many
        REQUIRE(got.what == outcome::paused);
        REQUIRE_FALSE(got.begins_pause);
        REQUIRE_FALSE(got.pause_ended);
    }
    CHECK(b.ledger.banned() == 50);
    const auto after = one(2000s + 120s);
    CHECK(after.what == outcome::banned);
    REQUIRE(after.pause_ended);
    CHECK(*after.pause_ended == 2000);
    // Whoever was not banned meanwhile has its points.
    CHECK(b.offend(host(next - 5), offence::rate, 2121s).what == outcome::banned);
}

TEST_CASE("bans: memory is bounded, the oldest without a ban goes first", "[bans]")
{
    bench b{100};
    const auto banned = b.ban(host(0), 0s);
    for (unsigned i = 1; i < 10'000; ++i)
        (void)b.offend(host(i), offence::pregreet, 0s);
    CHECK(b.ledger.size() == 100);
    CHECK(b.ledger.evicted() == 9900);
    REQUIRE(b.ledger.find(host(0)) != nullptr);
    CHECK(*b.ledger.find(host(0)) == banned);
    // All are banned: nothing new is taken in, and no ban is lost.
    bench full{20};
    for (unsigned i = 0; i < 20; ++i)
        (void)full.ban(host(i), 0s);
    CHECK(full.offend(host(99), offence::dnsbl, 0s).what == outcome::counted);
    CHECK(full.ledger.find(host(99)) == nullptr);
    CHECK(full.ledger.banned() == 20);
}

TEST_CASE("bans: an admin's ban and its end", "[bans]")
{
    bench b;
    const auto net = *parse_network("203.0.113.0/28");
    const auto made = b.ledger.add(net, 1h, start);
    REQUIRE(made);
    CHECK(reason_of(*made) == "admin");
    CHECK(b.ledger.bans(start).size() == 1);
    REQUIRE(b.ledger.add(net, 2h, start)); // in its place
    CHECK(b.ledger.bans(start).size() == 1);
    CHECK(b.ledger.take_ended(start + 1h).empty());
    CHECK(b.ledger.remove(net, start + 1h));
    CHECK_FALSE(b.ledger.remove(net, start + 1h));
    CHECK(b.ledger.size() == 0);
}

TEST_CASE("bans: a clock that jumps by an hour bans nobody and frees nobody for good", "[bans]")
{
    for (const seconds jump : {-3600s, 3600s, -86400s, 86400s}) {
        CAPTURE(jump.count());
        bench b;
        (void)b.offend(host(1), offence::dnsbl, 0s);
        const auto banned = b.ban(host(2), 0s);
        // The wall clock jumps, the steady one goes on.
        const auto later = [&](seconds after) {
            return ban_ledger::moment{start + after + jump, begun + after, 0};
        };
        (void)b.ledger.take_ended(later(1s).wall);
        // Nothing leaks backwards, and no more than all forwards; no jump makes points.
        CHECK(b.ledger.note(host(1), {}, later(1s), unguarded).what == outcome::counted);
        CHECK(b.ledger.find(host(1))->milli_points <= 5000);
        // A ban that a jump ended early is the second one when it comes again.
        if (!b.ledger.find(host(2))->is_banned(later(2s).wall)) {
            (void)b.ledger.note(host(2), only(offence::dnsbl), later(2s), unguarded);
            const auto again = b.ledger.note(host(2), only(offence::dnsbl), later(2s), unguarded);
            REQUIRE(again.what == outcome::banned);
            CHECK(again.client->bans == 2);
        } else {
            CHECK(b.ledger.find(host(2))->until == banned.until);
        }
    }
}

TEST_CASE("bans: what was written comes back, and no ban is longer than one can be", "[bans]")
{
    bench b;
    auto one = b.ban(host(1), 0s);
    (void)b.offend(host(2), offence::pregreet, 0s);
    bench after;
    b.ledger.for_each([&](const offender& each) {
        const auto back = parse_offender(write_line(each));
        REQUIRE(back);
        CHECK(*back == each);
        after.ledger.restore(*back, start + 1h);
    });
    CHECK(after.ledger.banned() == 1);
    CHECK(after.ledger.find(host(1))->until == one.until);
    CHECK(after.ledger.find(host(2))->milli_points == 3000);
    // Written by a clock that was ahead.
    one.until = start + 365 * 86400s;
    one.touched = start + 400 * 86400s;
    after.ledger.restore(one, start);
    CHECK(after.ledger.find(host(1))->until == start + 7 * 86400s);
    CHECK(after.ledger.banned() == 1);
}

TEST_CASE("bans: a line that is none is refused as a whole", "[bans]")
{
    bench b;
    const auto good = write_line(b.ban(host(1), 0s));
    REQUIRE(parse_offender(good));
    for (std::size_t cut = 0; cut < good.size(); ++cut) {
        const auto part = parse_offender(std::string_view{good}.substr(0, cut));
        // The last number alone can be cut and still be one.
        if (part) CHECK(cut > good.rfind(','));
    }
    for (const char* bad :
         {"", "offender", "ban 192.0.2.1/32 1 1 1 1 1 none 0,0,0,0,0,0,0,0",
          "offender 192.0.2.300 1 1 1 1 1 none 0,0,0,0,0,0,0,0",
          "offender 192.0.2.1/32 -1 1 1 1 1 none 0,0,0,0,0,0,0,0",
          "offender 192.0.2.1/32 1 -1 1 1 1 none 0,0,0,0,0,0,0,0",
          "offender 192.0.2.1/32 1 1 1 9223372036854775807 1 none 0,0,0,0,0,0,0,0",
          "offender 192.0.2.1/32 1 1 1 1 1 nobody 0,0,0,0,0,0,0,0",
          "offender 192.0.2.1/32 1 1 1 1 1 none 0,0,0,0,0,0,0",
          "offender 192.0.2.1/32 1 1 1 1 1 none 0,0,0,0,0,0,0,0,0",
          "offender 192.0.2.1/32 1 1 1 1 1 none 0,0,0,0,0,0,0,70000"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_offender(bad));
    }
}

TEST_CASE("bans: whatever comes, the counts of bans agree", "[bans]")
{
    bench b{200};
    b.rules.network_after = 2;
    b.rules.max_new_per_minute = 1'000'000;
    std::mt19937 random{1};
    seconds now = 0s;
    for (int i = 0; i < 50'000; ++i) {
        now += seconds{random() % 20};
        const auto who = host(random() % 400);
        switch (random() % 16) {
        case 0: (void)b.ledger.remove(who, start + now); break;
        case 1: (void)b.ledger.add(who, seconds{1 + random() % 7200}, start + now); break;
        case 2: (void)b.ledger.take_ended(start + now); break;
        case 3: (void)b.ledger.forget_some(start + now, 10); break;
        case 4:
            b.rules.ipv4_network_prefix = 16 + 8 * (random() % 2);
            b.ledger.configure(b.rules);
            break;
        default: (void)b.offend(who, offence::dnsbl, now); break;
        }
        REQUIRE(b.ledger.size() <= 200);
    }
    (void)b.ledger.take_ended(start + now);
    std::size_t banned = 0;
    b.ledger.for_each([&](const offender& each) { banned += each.is_banned(start + now) ? 1 : 0; });
    CHECK(b.ledger.banned() == banned);
    CHECK(b.ledger.bans(start + now).size() == banned);
    (void)b.ledger.take_ended(start + now + 3650 * 86400s);
    CHECK(b.ledger.banned() == 0);
}

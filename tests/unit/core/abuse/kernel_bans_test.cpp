// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/abuse/kernel_bans.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <string_view>
#include <vector>

using namespace fendmail;
using namespace fendmail::abuse;
using namespace std::chrono_literals;

namespace {

constexpr tick start{1000h};

ip_address at(std::string_view text)
{
    return parse_address(text).value();
}

/// A kernel that keeps what it is told, and lets it end.
class kernel {
public:
    void apply(kernel_bans& from, tick now, std::size_t most = 500)
    {
        for (const auto& who : from.next_removals(most))
            all_.erase(who);
        for (const auto& one : from.next_additions(most, now))
            all_[one.who] = now + one.left;
    }
    [[nodiscard]] std::vector<kernel_bans::element> contents(tick now)
    {
        std::erase_if(all_, [&](const auto& one) { return one.second <= now; });
        std::vector<kernel_bans::element> out;
        for (const auto& [who, until] : all_)
            out.push_back({who, std::chrono::duration_cast<milliseconds>(until - now)});
        return out;
    }
    [[nodiscard]] bool has(std::string_view who) const { return all_.contains(at(who)); }
    [[nodiscard]] std::size_t size() const { return all_.size(); }
    void flush() { all_.clear(); }
    void put(std::string_view who, tick until) { all_[at(who)] = until; }

private:
    std::map<ip_address, tick> all_;
};

} // namespace

TEST_CASE("a ban comes to the kernel once, and goes once")
{
    kernel_bans bans{100};
    bans.ban(at("192.0.2.1"), 60s, start);
    const auto first = bans.next_additions(500, start + 1s);
    REQUIRE(first.size() == 1);
    CHECK(first.front() == kernel_bans::element{at("192.0.2.1"), 59s});
    CHECK(bans.next_additions(500, start + 1s).empty());
    CHECK(bans.next_removals(500).empty());
    bans.unban(at("192.0.2.1"));
    CHECK(bans.next_removals(500) == std::vector{at("192.0.2.1")});
    CHECK(bans.next_removals(500).empty());
    CHECK(bans.size() == 0);
}

TEST_CASE("a ban that lasts longer than it was said is told again")
{
    kernel_bans bans{100};
    bans.ban(at("192.0.2.1"), 60s, start);
    (void)bans.next_additions(500, start);
    bans.ban(at("192.0.2.1"), 58s, start + 1s); // the same, in whole seconds
    CHECK_FALSE(bans.has_additions());
    bans.ban(at("192.0.2.1"), 1h, start + 1s);
    CHECK(bans.next_additions(500, start + 1s) ==
          std::vector{kernel_bans::element{at("192.0.2.1"), 1h}});
}

TEST_CASE("what is over before it was told is not told")
{
    kernel_bans bans{100};
    bans.ban(at("192.0.2.1"), 5s, start);
    CHECK(bans.next_additions(500, start + 5s).empty());
}

TEST_CASE("a ban that becomes so short that it is over before it is told leaves the kernel")
{
    kernel_bans bans{100};
    kernel there;
    bans.ban(at("192.0.2.1"), 1h, start);
    there.apply(bans, start);
    bans.ban(at("192.0.2.1"), 5s, start);
    there.apply(bans, start + 5s);
    there.apply(bans, start + 5s);
    CHECK_FALSE(there.has("192.0.2.1"));
}

TEST_CASE("a batch is no larger than asked for, and leaves nothing out")
{
    kernel_bans bans{5000};
    kernel there;
    for (std::uint8_t i = 0; i < 250; ++i)
        bans.ban(ip_address::v4({192, 0, 2, i}), 1h, start);
    CHECK(bans.next_additions(100, start).size() == 100);
    CHECK(bans.next_additions(100, start).size() == 100);
    CHECK(bans.next_additions(100, start).size() == 50);
    CHECK_FALSE(bans.has_additions());
}

TEST_CASE("banned again before its end was told, it stays banned")
{
    kernel_bans bans{100};
    kernel there;
    bans.ban(at("192.0.2.1"), 60s, start);
    there.apply(bans, start);
    bans.unban(at("192.0.2.1"));
    bans.ban(at("192.0.2.1"), 60s, start);
    there.apply(bans, start);
    CHECK(there.has("192.0.2.1"));
    bans.unban(at("192.0.2.1"));
    bans.ban(at("192.0.2.1"), 60s, start);
    bans.unban(at("192.0.2.1"));
    there.apply(bans, start);
    CHECK_FALSE(there.has("192.0.2.1"));
}

TEST_CASE("of a list what is not named any more is removed")
{
    kernel_bans bans{100};
    kernel there;
    bans.ban(at("192.0.2.1"), 1h, start);
    bans.ban(at("192.0.2.2"), 1h, start);
    there.apply(bans, start);
    bans.begin_list();
    bans.ban(at("192.0.2.2"), 1h, start);
    bans.ban(at("192.0.2.3"), 1h, start);
    bans.end_list();
    there.apply(bans, start);
    CHECK_FALSE(there.has("192.0.2.1"));
    CHECK(there.has("192.0.2.2"));
    CHECK(there.has("192.0.2.3"));
    bans.clear();
    there.apply(bans, start);
    CHECK(there.size() == 0);
}

TEST_CASE("a list that is cut off takes nothing away")
{
    kernel_bans bans{100};
    kernel there;
    bans.ban(at("192.0.2.1"), 1h, start);
    there.apply(bans, start);
    bans.begin_list();
    there.apply(bans, start);
    CHECK(there.has("192.0.2.1"));
}

TEST_CASE("what the kernel has lost is found, and told it again")
{
    kernel_bans bans{100};
    kernel there;
    for (const auto* who : {"192.0.2.1", "192.0.2.2", "2001:db8::"})
        bans.ban(at(who), 1h, start);
    there.apply(bans, start);
    CHECK(bans.compare(there.contents(start + 1min), start + 1min) == 0);
    CHECK_FALSE(bans.has_additions());
    there.flush();
    CHECK(bans.compare(there.contents(start + 1min), start + 1min) == 3);
    there.apply(bans, start + 1min);
    CHECK(there.size() == 3);
    CHECK(bans.compare(there.contents(start + 1min), start + 1min) == 0);
}

TEST_CASE("what the kernel has too much, or for another time, is put right")
{
    kernel_bans bans{100};
    kernel there;
    bans.ban(at("192.0.2.1"), 1h, start);
    there.apply(bans, start);
    there.put("192.0.2.1", start + 24h);
    there.put("192.0.2.99", start + 24h);
    CHECK(bans.compare(there.contents(start), start) == 0);
    there.apply(bans, start);
    CHECK_FALSE(there.has("192.0.2.99"));
    CHECK(there.contents(start) == std::vector{kernel_bans::element{at("192.0.2.1"), 1h}});
}

TEST_CASE("a ban whose time is over is missed by nothing")
{
    kernel_bans bans{100};
    kernel there;
    bans.ban(at("192.0.2.1"), 30s, start);
    there.apply(bans, start);
    CHECK(bans.compare(there.contents(start + 1min), start + 1min) == 0);
    CHECK(bans.size() == 0);
}

TEST_CASE("what the kernel did not take is told it again, unless it is no ban any more")
{
    kernel_bans bans{100};
    bans.ban(at("192.0.2.1"), 1h, start);
    bans.ban(at("192.0.2.2"), 1h, start);
    const auto refused = bans.next_additions(500, start);
    bans.unban(at("192.0.2.1"));
    bans.put_back(refused);
    CHECK(bans.next_additions(500, start) ==
          std::vector{kernel_bans::element{at("192.0.2.2"), 1h}});
    const auto removals = bans.next_removals(500);
    CHECK(removals == std::vector{at("192.0.2.1")});
    bans.ban(at("192.0.2.1"), 1h, start);
    bans.put_back(removals);
    CHECK_FALSE(bans.has_removals());
}

TEST_CASE("a kernel that has nothing is told all")
{
    kernel_bans bans{100};
    kernel there;
    bans.ban(at("192.0.2.1"), 1h, start);
    bans.ban(at("192.0.2.2"), 1h, start);
    there.apply(bans, start);
    bans.unban(at("192.0.2.2"));
    there.flush();
    bans.begin_anew();
    CHECK_FALSE(bans.has_removals());
    there.apply(bans, start);
    CHECK(there.size() == 1);
    CHECK(there.has("192.0.2.1"));
}

TEST_CASE("more bans than there are places for are counted, and left to fendmail")
{
    kernel_bans bans{2};
    bans.begin_list();
    for (const auto* who : {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"})
        bans.ban(at(who), 1h, start);
    bans.end_list();
    CHECK(bans.size() == 2);
    CHECK(bans.left_out() == 2);
    bans.begin_list();
    bans.end_list();
    CHECK(bans.left_out() == 0);
}

TEST_CASE("after any order of changes, losses and failures the kernel has what it should")
{
    std::mt19937 random{20261130};
    const auto pick = [&](unsigned below) { return random() % below; };
    for (int round = 0; round < 300; ++round) {
        kernel_bans bans{1000};
        kernel there;
        std::map<ip_address, tick> wanted;
        tick now = start;
        for (int step = 0; step < 60; ++step) {
            const auto who = ip_address::v4({192, 0, 2, static_cast<std::uint8_t>(pick(8))});
            switch (pick(8)) {
            case 0:
            case 1:
            case 2: {
                const seconds left{10 + pick(600)};
                bans.ban(who, left, now);
                wanted[who] = now + left;
                break;
            }
            case 3:
                bans.unban(who);
                wanted.erase(who);
                break;
            case 4: there.apply(bans, now, 1 + pick(4)); break;
            case 5: there.flush(); break;
            case 6: bans.put_back(bans.next_additions(1 + pick(4), now)); break;
            case 7:
                (void)bans.compare(there.contents(now), now);
                now += seconds{pick(60)};
                break;
            }
        }
        for (int i = 0; i < 3; ++i) {
            there.apply(bans, now);
            (void)bans.compare(there.contents(now), now);
        }
        CHECK(bans.compare(there.contents(now), now) == 0);
        // Said again within the tolerance, and kept within it: twice that is what may differ.
        constexpr auto slack = 2 * kernel_bans::tolerance + 1s;
        for (const auto& one : there.contents(now)) {
            const auto found = wanted.find(one.who);
            REQUIRE(found != wanted.end());
            CHECK(std::chrono::abs(found->second - now - one.left) <= slack);
        }
        for (const auto& [who, until] : wanted)
            if (until - now > slack) CHECK(there.has(to_text(who)));
    }
}

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/abuse/grey_list.hpp"

#include "support/catch.hpp"

#include <array>
#include <string>
#include <string_view>
#include <vector>

using namespace fendmail;
using namespace fendmail::abuse;
using namespace std::chrono_literals;

namespace {

constexpr instant start{1'800'000'000s};
const network some = *parse_network("192.0.2.0/24");
const network other = *parse_network("198.51.100.0/24");

grey_list::found ask(grey_list& of, const network& who, instant now)
{
    std::string line;
    return of.ask(who, now, line);
}

using answer = grey_list::answer;

} // namespace

TEST_CASE("a suspect waits, comes back, and is known then", "[grey]")
{
    grey_list all;
    const auto first = ask(all, some, start);
    CHECK(first.what == answer::wait);
    CHECK(first.span == 5min);
    const auto early = ask(all, some, start + 299s);
    CHECK(early.what == answer::wait);
    CHECK(early.span == 1s);
    const auto back = ask(all, some, start + 300s);
    CHECK(back.what == answer::back);
    CHECK(back.span == 300s);
    CHECK(ask(all, some, start + 301s).what == answer::known);
    CHECK(ask(all, other, start + 301s).what == answer::wait);
}

TEST_CASE("who comes back too late begins anew", "[grey]")
{
    grey_list all;
    (void)ask(all, some, start);
    CHECK(ask(all, some, start + 48h + 1s).what == answer::wait);
    CHECK(ask(all, some, start + 48h + 301s).what == answer::back);
}

TEST_CASE("who came back is known from the last time that it came", "[grey]")
{
    grey_list all;
    (void)ask(all, some, start);
    (void)ask(all, some, start + 1h);
    instant now = start + 1h;
    for (int i = 0; i < 5; ++i) {
        now += 24h * 29;
        CHECK(ask(all, some, now).what == answer::known);
    }
    CHECK(ask(all, some, now + 24h * 30).what == answer::wait);
}

TEST_CASE("a clock that is set costs one delay at most, and lets nothing through", "[grey]")
{
    for (const seconds jump : {-1h, 1h}) {
        grey_list all;
        (void)ask(all, some, start);
        const auto after = ask(all, some, start + jump);
        if (jump < 0s) {
            CHECK(after.what == answer::wait);
            CHECK(after.span == 5min);
            CHECK(ask(all, some, start + jump + 5min).what == answer::back);
        }
    }
    grey_list known;
    (void)ask(known, some, start);
    (void)ask(known, some, start + 5min);
    CHECK(ask(known, some, start - 1h).what == answer::known);
}

TEST_CASE("a flood of networks that wait drives out none that came back", "[grey]")
{
    grey_list all{10};
    (void)ask(all, some, start);
    REQUIRE(ask(all, some, start + 5min).what == answer::back);
    for (std::uint8_t i = 0; i < 100; ++i)
        (void)ask(all, network_of(ip_address::v4({10, i, 0, 0}), 24), start + 6min + 10min * i);
    CHECK(all.waiting() == 10);
    CHECK(all.back() == 1);
    CHECK(ask(all, some, start + 7min).what == answer::known);
}

TEST_CASE("a flood that is faster than the delay keeps none that waits from coming back", "[grey]")
{
    grey_list all{10};
    CHECK(ask(all, some, start).what == answer::wait);
    int passed = 0;
    for (std::uint8_t i = 0; i < 100; ++i)
        if (ask(all, network_of(ip_address::v4({10, i, 0, 0}), 24), start + 1s * i).what ==
            answer::known)
            ++passed;
    CHECK(passed == 91);
    CHECK(ask(all, some, start + 5min).what == answer::back);
}

TEST_CASE("with a short time that counts, what is written is never too old", "[grey]")
{
    grey_list all;
    all.configure({1min, 1h, 4h});
    std::string line;
    (void)all.ask(some, start, line);
    (void)all.ask(some, start + 1min, line);
    instant written = start + 1min;
    for (instant now = start + 1h; now < start + 24h; now += 30min) {
        line.clear();
        REQUIRE(all.ask(some, now, line).what == answer::known);
        if (!line.empty()) written = now;
        CHECK(now - written <= 1h + 30min);
    }
}

TEST_CASE("what is written brings all of it back", "[grey]")
{
    grey_list all;
    std::vector<std::string> lines;
    for (const auto& [who, when] : {std::pair{some, start}, std::pair{some, start + 10min},
                                    std::pair{other, start + 20min}}) {
        std::string line;
        (void)all.ask(who, when, line);
        lines.push_back(line);
    }
    CHECK(lines == std::vector<std::string>{"waits 192.0.2.0/24 1800000000",
                                            "back 192.0.2.0/24 1800000600",
                                            "waits 198.51.100.0/24 1800001200"});
    grey_list again;
    for (const auto& line : lines)
        CHECK(again.restore(line, start + 1h));
    CHECK(ask(again, some, start + 1h).what == answer::known);
    CHECK(ask(again, other, start + 1h).what == answer::back);
    grey_list rewritten;
    all.for_each_line([&](const std::string& line) { CHECK(rewritten.restore(line, start + 1h)); });
    CHECK(ask(rewritten, some, start + 1h).what == answer::known);
    CHECK(ask(rewritten, other, start + 1h).what == answer::back);
}

TEST_CASE("a line of the future is of now, and one that is none is refused", "[grey]")
{
    grey_list all;
    CHECK(all.restore("waits 192.0.2.0/24 9999999999", start));
    CHECK(ask(all, some, start + 5min).what == answer::back);
    constexpr std::array<std::string_view, 9> lines{
        "",
        "waits",
        "waits 192.0.2.0/24",
        "waits 192.0.2.0/24 ",
        "waits 192.0.2.0/24 x",
        "waits 192.0.2.0/24 -1",
        "waits 192.0.2.0/24 1 2",
        "waits 192.0.2.1/24 1",
        "offender 192.0.2.0/24 1",
    };
    for (const auto line : lines) {
        CAPTURE(line);
        CHECK_FALSE(all.restore(line, start));
    }
}

TEST_CASE("what no longer counts is forgotten", "[grey]")
{
    grey_list all;
    (void)ask(all, some, start);
    (void)ask(all, some, start + 5min);
    (void)ask(all, other, start);
    all.forget(start + 48h + 1s);
    CHECK(all.waiting() == 0);
    CHECK(all.back() == 1);
    all.forget(start + 24h * 31);
    CHECK(all.back() == 0);
}

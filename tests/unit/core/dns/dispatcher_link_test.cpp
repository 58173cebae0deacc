// SPDX-License-Identifier: Apache-2.0
#include "link.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <string>
#include <vector>

using namespace fendmail;
using namespace std::chrono_literals;
using test::dns_world;
using test::link_model;

namespace {

struct outcome {
    int answered = 0;
    int timeouts = 0;
    int unreachable = 0;
    tick_span last{};
};

/// So many questions to one list in the same instant, each with 10 s.
outcome burst(dns_world& world, dns::group_index list, int questions)
{
    const tick begun = world.now;
    for (int i = 0; i < questions; ++i)
        (void)world.asked.ask({.group = list, .deadline = begun + 10s}, begun);
    outcome seen;
    world.run_until(
        begun + 11s,
        [&](const dns::ended& over) {
            ++(over.why == dns::end_reason::unreachable ? seen.unreachable : seen.timeouts);
            seen.last = world.now - begun;
        },
        [&](dns::question_id) {
            ++seen.answered;
            seen.last = world.now - begun;
        });
    return seen;
}

} // namespace

TEST_CASE("dispatcher: bursts are answered in whole, whatever the way to the server is like",
          "[dns]")
{
    struct row {
        const char* what;
        std::vector<link_model> links;
        int questions;
        milliseconds at_most;
    };
    const std::vector<row> rows{
        {"a buffer of 277", {{.buffer = 277, .per_second = 50'000}}, 6'000, 2s},
        {"a small buffer", {{.buffer = 60, .per_second = 20'000}}, 12'000, 4s},
        {"a slow server", {{.buffer = 277, .per_second = 2'000}}, 6'000, 8s},
        {"10 % lost each way", {{.loss = 0.1}}, 2'000, 6s},
        {"30 % lost each way", {{.loss = 0.3}}, 1'000, 8s},
        {"30 % lost each way, 30 ms", {{.loss = 0.3, .delay = 30ms}}, 1'000, 9s},
        {"30 % lost each way, 150 ms", {{.loss = 0.3, .delay = 150ms}}, 1'000, 10s},
        {"far away", {{.delay = 150ms}}, 6'000, 4s},
        {"reordered", {{.delay = 20ms, .jitter = 100ms}}, 1'000, 3s},
        {"200 a second", {{.taken = 200}}, 500, 6s},
        {"1,000 a second, 30 ms", {{.delay = 30ms, .taken = 1'000}}, 2'000, 6s},
        {"the first server is dead", {{.is_dead = true}, {}}, 1'000, 3s},
        {"the second server is dead", {{}, {.is_dead = true}}, 1'000, 3s},
        {"the first of two loses half", {{.loss = 0.3, .delay = 10ms}, {.delay = 10ms}}, 1'000, 3s},
    };
    for (const row& r : rows) {
        CAPTURE(r.what);
        dns_world world{r.links};
        const auto list = world.asked.add_group(dns::group_kind::list);
        const auto seen = burst(world, list, r.questions);
        CHECK(seen.answered == r.questions);
        CHECK(seen.timeouts == 0);
        CHECK(seen.unreachable == 0);
        CHECK(std::chrono::duration_cast<milliseconds>(seen.last).count() <= r.at_most.count());
    }
}

TEST_CASE("dispatcher: what a server cannot take is not sent to it again and again", "[dns]")
{
    dns_world world{{{.taken = 200}}};
    const auto list = world.asked.add_group(dns::group_kind::list);
    CHECK(burst(world, list, 500).answered == 500);
    CHECK(world.sent < 2'500);
    CHECK(world.asked.flow_of(0, list).window.size() <= 32);
}

TEST_CASE("dispatcher: a list that never answers holds up no other", "[dns]")
{
    dns_world world{{{.delay = 5ms}}};
    const auto good = world.asked.add_group(dns::group_kind::list);
    const auto dead = world.asked.add_group(dns::group_kind::list);
    world.silent_group = dead;
    for (int i = 0; i < 2'000; ++i)
        (void)world.asked.ask({.group = dead, .deadline = world.now + 10s}, world.now);
    const auto seen = burst(world, good, 1'000);
    CHECK(seen.answered == 1'000);
    CHECK((world.asked.flow_of(0, good).times.timeout() == 50ms));
    CHECK(world.asked.figures(0).lost == 0); // it is not the resolver that loses
    CHECK_FALSE(world.asked.is_unreachable());
}

TEST_CASE(
    "dispatcher: in an outage of all servers questions end when it is noticed, and later ones "
    "at once",
    "[dns]")
{
    dns_world world{{{.is_dead = true}, {.is_dead = true}}};
    const auto list = world.asked.add_group(dns::group_kind::list);
    const auto first = burst(world, list, 1'000);
    CHECK(first.unreachable == 1'000);
    CHECK((first.last <= 5s));
    CHECK(world.asked.is_unreachable());
    const auto second = burst(world, list, 100);
    CHECK(second.unreachable == 100);
    CHECK((second.last <= 10ms));
    // And it ends by itself.
    world.link(1).is_dead = false;
    world.run_until(world.now + 1s, [](const auto&) {}, [](auto) {});
    CHECK_FALSE(world.asked.is_unreachable());
    CHECK(burst(world, list, 100).answered == 100);
}

TEST_CASE("dispatcher: nine lost of ten are no outage", "[dns]")
{
    dns_world world{{{.loss = 0.7}}};
    const auto list = world.asked.add_group(dns::group_kind::list);
    const auto seen = burst(world, list, 200);
    CHECK(seen.unreachable == 0);
    CHECK_FALSE(world.asked.is_unreachable());
}

TEST_CASE("dispatcher: tests and confirmations go ahead of any queue", "[dns]")
{
    dns_world world{{{.taken = 200}}};
    const auto list = world.asked.add_group(dns::group_kind::list);
    const tick begun = world.now;
    for (int i = 0; i < 1'500; ++i)
        (void)world.asked.ask({.group = list, .deadline = begun + 10s}, begun);
    tick_span took{};
    dns::question_id test;
    const auto on_answer = [&](dns::question_id which) {
        if (which == test) took = world.now - begun;
    };
    world.run_until(begun + 1s, [](const auto&) {}, on_answer);
    test = world.asked.ask({.group = list, .how = dns::urgency::first, .deadline = world.now + 5s},
                           world.now);
    world.run_until(begun + 4s, [](const auto&) {}, on_answer);
    CHECK((took > 1s));
    CHECK((took < 2500ms));
}

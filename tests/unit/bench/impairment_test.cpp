// SPDX-License-Identifier: Apache-2.0
#include "lossy/impairment.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <vector>

namespace fendmail::lossy {
namespace {

using namespace std::chrono_literals;

constexpr int many = 20'000;

/// How many of so many questions are taken that come at the same distance from each other.
int taken(impairment& network, int questions, clock::duration distance)
{
    int count = 0;
    clock::time_point now{1h};
    for (int n = 0; n < questions; ++n, now += distance)
        count += network.of_question(now).copies > 0 ? 1 : 0;
    return count;
}

TEST_CASE("a good network carries everything once and at once")
{
    impairment network{{}, 1};
    for (int n = 0; n < many; ++n) {
        const auto question = network.of_question(clock::time_point{1h});
        REQUIRE(question.copies == 1);
        REQUIRE(question.delays[0] == 0ms);
        const auto answer = network.of_answer();
        REQUIRE(answer.copies == 1);
        REQUIRE(answer.delays[0] == 0ms);
    }
}

TEST_CASE("the shares of what is lost and duplicated are those asked for")
{
    for (const double share : {0.0, 1.0, 10.0, 30.0, 100.0}) {
        CAPTURE(share);
        int lost_questions = 0;
        int lost_answers = 0;
        int twice = 0;
        impairment losing{{.lost_questions = share, .lost_answers = 100 - share}, 1};
        impairment duplicating{{.duplicated = share}, 1};
        for (int n = 0; n < many; ++n) {
            lost_questions += losing.of_question(clock::time_point{1h}).copies == 0 ? 1 : 0;
            lost_answers += losing.of_answer().copies == 0 ? 1 : 0;
            twice += duplicating.of_answer().copies == 2 ? 1 : 0;
        }
        const double tolerance = many * 0.01;
        CHECK(lost_questions == Approx(many * share / 100).margin(tolerance));
        CHECK(lost_answers == Approx(many * (100 - share) / 100).margin(tolerance));
        CHECK(twice == Approx(many * share / 100).margin(tolerance));
    }
}

TEST_CASE("answers are late by the delay, and those that are overtaken by more")
{
    impairment network{{.reordered = 50, .delay = 30ms, .reorder_by = 20ms}, 1};
    int overtaken = 0;
    for (int n = 0; n < many; ++n) {
        const auto delay = network.of_answer().delays[0];
        REQUIRE((delay == 30ms || delay == 50ms));
        overtaken += delay == 50ms ? 1 : 0;
        const auto asked = network.of_question(clock::time_point{1h}).delays[0];
        REQUIRE((asked == 0ms || asked == 20ms));
    }
    CHECK(overtaken == Approx(many / 2).margin(many * 0.01));
}

TEST_CASE("of a burst only so many questions are taken as 50 ms hold, and later the rate")
{
    impairment at_once{{.rate = 200}, 1};
    CHECK(taken(at_once, 2'000, 0s) == 10);
    impairment steady{{.rate = 200}, 1};
    CHECK(taken(steady, 1'000, 10ms) == 1'000);
    impairment twice_as_many{{.rate = 200}, 1};
    const auto count = taken(twice_as_many, 4'000, 2'500us);
    CHECK(count >= 2'000);
    CHECK(count <= 2'010);
}

TEST_CASE("a server that was left alone for long takes no more at once than before")
{
    impairment network{{.rate = 200}, 1};
    static_cast<void>(network.of_question(clock::time_point{1h}));
    int count = 0;
    for (int n = 0; n < 100; ++n)
        count += network.of_question(clock::time_point{2h}).copies > 0 ? 1 : 0;
    CHECK(count == 10);
}

TEST_CASE("what is beyond the rate is told from what is lost")
{
    impairment network{{.rate = 20}, 1};
    CHECK_FALSE(network.of_question(clock::time_point{1h}).was_over_rate);
    const auto second = network.of_question(clock::time_point{1h});
    CHECK(second.was_over_rate);
    CHECK(second.copies == 0);
}

TEST_CASE("the same seed has the same fate")
{
    const auto lost = [](std::uint32_t seed) {
        impairment network{{.lost_answers = 30}, seed};
        std::vector<bool> found;
        for (int n = 0; n < 100; ++n)
            found.push_back(network.of_answer().copies == 0);
        return found;
    };
    CHECK(lost(7) == lost(7));
    CHECK(lost(7) != lost(8));
}

} // namespace
} // namespace fendmail::lossy

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/throttle/lasting_trouble.hpp"

#include "support/catch.hpp"

#include <vector>

namespace fendmail {

namespace {

using std::chrono::minutes;

constexpr tick begin{std::chrono::hours{1000}};

} // namespace

TEST_CASE("lasting trouble: told when it begins, after 1 and 10 minutes, then once an hour",
          "[core]")
{
    lasting_trouble trouble;
    std::vector<long> told_at;
    for (minutes at{0}; at <= minutes{200}; ++at)
        if (const auto what = trouble.on_failure(begin + at)) {
            told_at.push_back(at.count());
            CHECK(what->after == at);
            CHECK(what->failures == static_cast<std::size_t>(at.count()) + 1);
        }
    CHECK(told_at == std::vector<long>{0, 1, 10, 60, 120, 180});
}

TEST_CASE("lasting trouble: a failure after a long silence is told once", "[core]")
{
    lasting_trouble trouble;
    CHECK(trouble.on_failure(begin));
    CHECK(trouble.on_failure(begin + minutes{500}));
    int told = 0;
    for (int i = 0; i < 1000; ++i)
        told += trouble.on_failure(begin + minutes{500} + milliseconds{i}).has_value() ? 1 : 0;
    CHECK(told == 0);
}

TEST_CASE("lasting trouble: its end says how long it was and how often it was met", "[core]")
{
    lasting_trouble trouble;
    CHECK_FALSE(trouble.on_success(begin));
    for (int i = 0; i < 3; ++i)
        static_cast<void>(trouble.on_failure(begin));
    CHECK(trouble.is_on());
    const auto ended = trouble.on_success(begin + seconds{75});
    REQUIRE(ended);
    CHECK(ended->failures == 3);
    CHECK(ended->after == seconds{75});
    CHECK_FALSE(trouble.is_on());
    CHECK_FALSE(trouble.on_success(begin + seconds{76}));
    CHECK(trouble.on_failure(begin + seconds{80})); // another one
}

} // namespace fendmail

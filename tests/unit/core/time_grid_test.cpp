// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/time_grid.hpp"

#include "support/catch.hpp"

using namespace fendmail;

TEST_CASE("time grid: a point in time moves on to the next multiple of the grain", "[time]")
{
    struct row {
        int from;
        int to;
    };
    static constexpr row rows[] = {{0, 0},   {1, 10}, {9, 10},   {10, 10},
                                   {11, 20}, {-1, 0}, {-10, -10}};
    for (const auto& r : rows) {
        CAPTURE(r.from);
        const auto moved = next_on_grid(tick{milliseconds{r.from}}, milliseconds{10});
        CHECK((moved == tick{milliseconds{r.to}}));
    }
}

TEST_CASE("time grid: the end of time stays where it is", "[time]")
{
    CHECK((next_on_grid(tick::max(), milliseconds{10}) == tick::max()));
    CHECK((next_on_grid(tick::max() - tick_span{1}, milliseconds{10}) == tick::max()));
}

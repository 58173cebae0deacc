// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/time_grid.hpp"
#include "fendmail/io/net/deadline_queue.hpp"
#include "fendmail/io/os/clock.hpp"
#include "support/catch.hpp"
#include "support/run_until.hpp"

#include <functional>
#include <optional>
#include <vector>

using namespace fendmail;
using namespace fendmail::io;
using fendmail::test::run_until;

namespace {

struct note_taker final : waiter {
    std::function<void()> then = [] {};
    int woken = 0;
    void wake() noexcept override
    {
        ++woken;
        then();
    }
};

} // namespace

TEST_CASE("deadline queue: deadlines ring in the order in which they end", "[io]")
{
    boost::asio::io_context context;
    deadline_queue queue{context};
    std::vector<int> rung;
    note_taker first, second, third;
    first.then = [&] { rung.push_back(1); };
    second.then = [&] { rung.push_back(2); };
    third.then = [&] { rung.push_back(3); };
    deadline a{queue, third}, b{queue, first}, c{queue, second};
    const tick now = steady_now();
    a.set(now + milliseconds{30});
    b.set(now + milliseconds{10});
    c.set(now + milliseconds{20});
    REQUIRE(run_until(context, [&] { return rung.size() == 3; }));
    CHECK(rung == std::vector<int>{1, 2, 3});
    CHECK(a.has_passed());
}

TEST_CASE("deadline queue: a cleared or destroyed deadline does not ring", "[io]")
{
    boost::asio::io_context context;
    deadline_queue queue{context};
    note_taker cleared, gone, last;
    deadline a{queue, cleared};
    std::optional<deadline> b{std::in_place, queue, gone};
    deadline c{queue, last};
    a.set_after(milliseconds{1});
    b->set_after(milliseconds{1});
    c.set_after(milliseconds{10});
    a.clear();
    b.reset();
    REQUIRE(run_until(context, [&] { return last.woken == 1; }));
    CHECK(cleared.woken == 0);
    CHECK(gone.woken == 0);
    CHECK_FALSE(a.has_passed());
}

TEST_CASE("deadline queue: whoever is woken may destroy others that are due", "[io]")
{
    boost::asio::io_context context;
    deadline_queue queue{context};
    note_taker killer, victim;
    std::optional<deadline> a{std::in_place, queue, killer};
    std::optional<deadline> b{std::in_place, queue, victim};
    killer.then = [&] {
        b.reset();
        a.reset();
    };
    const tick due = steady_now();
    a->set(due);
    b->set(due);
    REQUIRE(run_until(context, [&] { return killer.woken == 1; }));
    context.restart();
    context.run_for(milliseconds{5});
    CHECK(victim.woken == 0);
}

TEST_CASE("deadline queue: one that is set again rings at its new time only", "[io]")
{
    boost::asio::io_context context;
    deadline_queue queue{context};
    note_taker moved, early;
    deadline a{queue, moved}, b{queue, early};
    a.set_after(milliseconds{1});
    a.set_after(milliseconds{30});
    b.set_after(milliseconds{5});
    REQUIRE(run_until(context, [&] { return early.woken == 1; }));
    CHECK(moved.woken == 0);
    REQUIRE(run_until(context, [&] { return moved.woken == 1; }));
}

TEST_CASE("deadline queue: what falls into one grain rings in one wake, and never early", "[io]")
{
    boost::asio::io_context context;
    deadline_queue queue{context};
    const auto grain = deadline_queue::grain;
    const tick on_grid = next_on_grid(steady_now() + 2 * grain, grain);
    tick first_rung{}, last_rung{};
    note_taker first, last;
    first.then = [&] { first_rung = steady_now(); };
    last.then = [&] { last_rung = steady_now(); };
    deadline a{queue, first}, b{queue, last};
    // The later one first: the timer need not be set anew for the earlier one.
    b.set(on_grid);
    a.set(on_grid - grain + tick_span{1});
    while (first.woken + last.woken == 0) {
        context.restart();
        REQUIRE(context.run_one_for(std::chrono::seconds{20}) == 1);
    }
    CHECK(first.woken == 1);
    CHECK(last.woken == 1);
    CHECK((first_rung >= on_grid));
    CHECK((last_rung >= on_grid));
}

TEST_CASE("deadline queue: an earlier deadline moves the timer", "[io]")
{
    boost::asio::io_context context;
    deadline_queue queue{context};
    note_taker soon, late;
    deadline a{queue, late}, b{queue, soon};
    a.set_after(std::chrono::hours{1});
    b.set_after(milliseconds{1});
    REQUIRE(run_until(context, [&] { return soon.woken == 1; }));
    CHECK(late.woken == 0);
    // And one at the end of time is set like any other.
    deadline never{queue, late};
    never.set(tick::max());
    b.set_after(milliseconds{1});
    REQUIRE(run_until(context, [&] { return soon.woken == 2; }));
    CHECK(late.woken == 0);
}

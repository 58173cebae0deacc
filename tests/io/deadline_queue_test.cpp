// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/clock.hpp"
#include "fendmail/io/deadline_queue.hpp"
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

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/net/wake_coalescer.hpp"

#include "fendmail/io/os/clock.hpp"
#include "support/catch.hpp"
#include "support/run_until.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>

using namespace fendmail;
using namespace fendmail::io;
using fendmail::test::run_until;

namespace {

struct gathering {
    boost::asio::io_context context;
    wake_coalescer tested{context.get_executor()};
    std::optional<tick> over; ///< when the last wait ended

    void many_come()
    {
        for (std::size_t n = 0; n < 2 * wake_coalescer::clients_fast; ++n)
            tested.on_unknown_client();
    }
    void begin_to_wait()
    {
        over.reset();
        boost::asio::co_spawn(
            context,
            [](gathering& of) -> awaitable<void> {
                co_await of.tested.wait();
                of.over = steady_now();
            }(*this),
            boost::asio::detached);
    }
};

} // namespace

TEST_CASE("wake_coalescer: while few clients come nobody waits", "[io]")
{
    gathering g;
    g.tested.on_unknown_client();
    CHECK_FALSE(g.tested.is_on());
    g.begin_to_wait();
    g.context.poll(); // without a timer there is nothing that could come later
    CHECK(g.over);
}

TEST_CASE("wake_coalescer: while many come all wait for the same time, on the grid", "[io]")
{
    gathering g;
    g.many_come();
    REQUIRE(g.tested.is_on());
    const tick begun = steady_now();
    g.begin_to_wait();
    REQUIRE(run_until(g.context, [&] { return g.over.has_value(); }));
    // Not before the first point of the grid behind the beginning.
    const auto past = begun.time_since_epoch() % tick_span{wake_coalescer::interval};
    CHECK(*g.over >= begun - past + tick_span{wake_coalescer::interval});
}

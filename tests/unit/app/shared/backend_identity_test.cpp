// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/shared/backend_identity.hpp"
#include "support/catch.hpp"
#include "support/event_recorder.hpp"

using namespace fendmail;
using namespace fendmail::app;

namespace {

struct watching {
    test_support::event_recorder events;
    backend_identity state;
    tick now{seconds{1000}};

    void mistaken(bool turned_away = true)
    {
        state.on_mistaken(events, "127.0.0.1:25", "it said 500", "mend it", turned_away, now);
    }
    void taken() { state.on_taken(events, "127.0.0.1:25", now); }
    [[nodiscard]] std::size_t suspended() { return events.count<event::backend_suspended>(); }
    [[nodiscard]] std::size_t restored() { return events.count<event::backend_proven>(); }
};

} // namespace

TEST_CASE("backend identity: one that takes addresses says nothing", "[app]")
{
    watching w;
    CHECK(w.state.is_unknown());
    w.taken();
    CHECK_FALSE(w.state.is_unknown());
    CHECK_FALSE(w.state.is_mistaken());
    CHECK(w.suspended() + w.restored() == 0);
}

TEST_CASE("backend identity: whatever many clients find out is one line, and one back", "[app]")
{
    watching w;
    for (int n = 0; n < 1000; ++n)
        w.mistaken();
    w.mistaken(false);
    w.state.on_turned_away();
    CHECK(w.suspended() == 1);
    CHECK(w.state.is_mistaken());
    CHECK(w.state.take_wish());
    w.now += seconds{5};
    w.taken();
    w.taken();
    CHECK_FALSE(w.state.is_mistaken());
    REQUIRE(w.restored() == 1);
}

TEST_CASE("backend identity: clients may come at once, and it is told when it lasts", "[app]")
{
    watching w;
    w.mistaken();
    w.now += milliseconds{500};
    w.taken();
    CHECK_FALSE(w.state.is_mistaken());
    CHECK(w.restored() == 0);
    CHECK(w.state.calm_at() == tick{seconds{1000}} + backend_identity::calm_min);
    w.now = w.state.calm_at();
    w.taken();
    CHECK(w.restored() == 1);
}

TEST_CASE("backend identity: proof that is older than its contrary says nothing", "[app]")
{
    watching w;
    w.mistaken();
    // A session that was relayed for long, and ends now.
    w.state.on_taken(w.events, "127.0.0.1:25", w.now - seconds{60});
    CHECK(w.state.is_mistaken());
    CHECK(w.restored() == 0);
}

TEST_CASE("backend identity: one that comes and goes is told less and less often", "[app]")
{
    watching w;
    // Good and bad in turn every 10 s for an hour: one of two servers is wrong.
    for (int turn = 0; turn < 360; ++turn) {
        w.mistaken();
        w.now += seconds{10};
        w.taken();
        CHECK_FALSE(w.state.is_mistaken());
    }
    CHECK(w.suspended() < 6);
    CHECK(w.restored() < 6);
    w.now += backend_identity::calm_max;
    w.taken();
    CHECK(w.suspended() == w.restored());
    // Long after, it is a trouble of its own, told as the first one was.
    w.now += backend_identity::memory;
    w.mistaken();
    w.now += backend_identity::calm_min;
    const auto before = w.restored();
    w.taken();
    CHECK(w.restored() == before + 1);
}

TEST_CASE("backend identity: who cannot find out lets clients try", "[app]")
{
    watching w;
    w.state.on_undecided();
    CHECK_FALSE(w.state.is_unknown());
    CHECK_FALSE(w.state.is_mistaken());
    w.mistaken();
    w.state.on_undecided();
    CHECK_FALSE(w.state.is_mistaken());
    CHECK(w.state.is_told());
    w.taken();
    w.state.on_undecided();
    CHECK_FALSE(w.state.is_unknown());
}

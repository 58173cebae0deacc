// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/backend_state.hpp"
#include "support/catch.hpp"
#include "support/event_recorder.hpp"

#include <string>

using namespace fendmail;
using namespace fendmail::app;

namespace {

struct meeting {
    test_support::event_recorder events;
    backend_state state;
    tick now{seconds{1000}};

    void fails() { state.on_failure(events, {}, "127.0.0.1:10025", "refused", now); }
    void works() { state.on_success(events, "127.0.0.1:10025", now); }
    [[nodiscard]] std::size_t gone() { return events.count<event::backend_unavailable>(); }
    [[nodiscard]] std::size_t back() { return events.count<event::backend_restored>(); }
};

} // namespace

TEST_CASE("backend state: one that is well says nothing", "[app]")
{
    meeting m;
    CHECK_FALSE(m.state.is_failing());
    m.works();
    m.works();
    CHECK_FALSE(m.state.is_failing());
    CHECK(m.gone() + m.back() == 0);
}

TEST_CASE("backend state: however many clients meet trouble, it is told once", "[app]")
{
    meeting m;
    for (int n = 0; n < 100; ++n) {
        m.fails();
        m.now += seconds{1};
    }
    CHECK(m.gone() == 1);
    CHECK(m.state.is_failing());
    m.now += backend_state::calm;
    m.works();
    m.works();
    CHECK_FALSE(m.state.is_failing());
    CHECK(m.back() == 1);
    m.fails();
    CHECK(m.gone() == 2);
}

TEST_CASE("backend state: trouble and success in turn are one trouble", "[app]")
{
    meeting m;
    for (int n = 0; n < 100; ++n) {
        m.fails();
        CHECK(m.state.is_failing());
        m.works();
        CHECK_FALSE(m.state.is_failing()); // its last word
        m.now += backend_state::calm / 2;
    }
    CHECK(m.gone() == 1);
    CHECK(m.back() == 0);
    m.now += backend_state::calm;
    m.works();
    CHECK(m.back() == 1);
}

TEST_CASE("backend state: a connection alone makes it ready and tells nothing", "[app]")
{
    meeting m;
    m.fails();
    m.state.on_connected();
    CHECK_FALSE(m.state.is_failing());
    m.fails();
    CHECK(m.state.is_failing());
    CHECK(m.gone() == 1);
    CHECK(m.back() == 0);
}

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/shared/backend_state.hpp"
#include "support/catch.hpp"
#include "support/event_recorder.hpp"

#include <string>
#include <vector>

using namespace fendmail;
using namespace fendmail::app;

namespace {

struct meeting {
    test_support::event_recorder events;
    backend_state state;
    tick now{seconds{1000}};

    void fails() { state.on_failure(events, {{}, 7}, "127.0.0.1:10025", "refused", now); }
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
        m.now += milliseconds{500};
    }
    CHECK(m.gone() == 1);
    CHECK(m.events.last<event::backend_unavailable>().session == 7);
    CHECK(m.state.is_failing());
    m.now += backend_state::calm;
    m.works();
    m.works();
    CHECK_FALSE(m.state.is_failing());
    CHECK(m.back() == 1);
    m.fails();
    CHECK(m.gone() == 2);
}

TEST_CASE("backend state: one that stays away is told again, after 1 and 10 minutes and each hour",
          "[app]")
{
    meeting m;
    for (int second = 0; second <= 2 * 3600; ++second) {
        m.fails();
        m.fails(); // however many clients there are
        m.now += seconds{1};
    }
    const auto told = m.events.all<event::backend_unavailable>();
    REQUIRE(told.size() == 5);
    const std::size_t after[] = {0, 60, 600, 3600, 7200};
    for (std::size_t i = 0; i < told.size(); ++i)
        CHECK(told[i].counts == std::vector<std::size_t>{2 * after[i] + 1, after[i]});
    m.now += backend_state::calm;
    m.works();
    REQUIRE(m.back() == 1);
    CHECK(m.events.last<event::backend_restored>().counts ==
          std::vector<std::size_t>{7203, 2 * 7201});
}

TEST_CASE(
    "backend state: one that fits some clients and others not tells it now and then, and is ready",
    "[app]")
{
    meeting m;
    for (int n = 0; n < 120; ++n) {
        m.state.on_misfit(m.events, {}, "127.0.0.1:10025", "it offers less", m.now);
        m.works();
        m.now += seconds{1};
    }
    CHECK_FALSE(m.state.is_failing());
    const auto told = m.events.all<event::backend_unavailable>();
    REQUIRE(told.size() == 2);
    CHECK(told[1].counts == std::vector<std::size_t>{61, 60});
    CHECK(m.back() == 0);
    m.now += backend_state::misfits_apart + seconds{1};
    m.state.on_misfit(m.events, {}, "127.0.0.1:10025", "it wants TLS", m.now);
    CHECK(m.events.last<event::backend_unavailable>().counts == std::vector<std::size_t>{1, 0});
}

TEST_CASE("backend state: trouble and success in turn are one trouble", "[app]")
{
    meeting m;
    for (int n = 0; n < 50; ++n) {
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

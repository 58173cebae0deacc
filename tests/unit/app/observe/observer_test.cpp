// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/observe/observer.hpp"
#include "support/catch.hpp"
#include "support/event_recorder.hpp"

#include <string>
#include <vector>

using namespace fendmail;
using namespace fendmail::app;

namespace {

/// Notes in a list that all of them share when it gets an event.
class ordered_sink final : public event_sink {
public:
    ordered_sink(std::vector<int>& calls, int number)
        : calls_{calls}
        , number_{number}
    {
    }
    void on(const any_event& /*what*/) noexcept override { calls_.push_back(number_); }

private:
    std::vector<int>& calls_;
    int number_;
};

} // namespace

TEST_CASE("observer: every sink gets every event, whole", "[app]")
{
    test_support::event_recorder first;
    test_support::event_recorder second;
    observer events{{&first, &second}};
    events.on(event::notice{"one"});
    events.on(event::store_swept{12, 3});
    for (const auto* each : {&first, &second}) {
        CHECK(each->count() == 2);
        CHECK(each->last<event::notice>().texts == std::vector<std::string>{"one"});
        CHECK(each->last<event::store_swept>().counts == std::vector<std::size_t>{12, 3});
    }
}

TEST_CASE("observer: one event is with all sinks before the next one begins", "[app]")
{
    std::vector<int> calls;
    ordered_sink first{calls, 1};
    ordered_sink second{calls, 2};
    observer events{{&first, &second}};
    events.on(event::notice{"one"});
    events.on(event::notice{"two"});
    CHECK(calls == std::vector{1, 2, 1, 2});
}

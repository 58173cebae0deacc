// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/server/watchdog.hpp"

#include "support/catch.hpp"
#include "support/run_until.hpp"

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <utility>
#include <vector>

using namespace fendmail;
using namespace std::chrono_literals;
using fendmail::test::run_until;

namespace {

/// Workers that answer when the test wants it.
struct watched {
    boost::asio::io_context context;
    int questions = 0;
    int signs = 0;
    std::vector<std::function<void()>> open;
    bool are_well = false; ///< then they answer at once
    app::watchdog dog;

    explicit watched(std::size_t workers)
        : dog{context, workers,
              [this, workers](const std::function<void()>& answer) {
                  ++questions;
                  for (std::size_t i = 0; i < workers; ++i)
                      open.push_back(answer);
                  if (are_well) answer_all();
              },
              [this] { ++signs; }}
    {
    }
    void answer_one()
    {
        const auto answer = std::move(open.back());
        open.pop_back();
        answer();
    }
    void answer_all()
    {
        while (!open.empty())
            answer_one();
    }
    /// What is to be done now, without waiting for the timer.
    void turn()
    {
        context.restart();
        context.poll();
    }
};

} // namespace

TEST_CASE("watchdog: the sign of life is the answer of the last worker", "[app]")
{
    watched w{3};
    w.dog.start(1h);
    CHECK(w.questions == 1);
    for (int answered = 0; answered < 3; ++answered) {
        w.turn();
        CHECK(w.signs == 0);
        w.answer_one();
    }
    w.turn();
    CHECK(w.signs == 1);
}

TEST_CASE("watchdog: workers that are well are asked again and again", "[app]")
{
    watched w{2};
    w.are_well = true;
    w.dog.start(2ms);
    CHECK(run_until(w.context, [&] { return w.signs == 5; }));
    CHECK(w.questions >= 5);
}

TEST_CASE("watchdog: while one worker hangs there is no sign, and no further question", "[app]")
{
    watched w{2};
    boost::asio::steady_timer later{w.context};
    w.dog.start(2ms);
    w.answer_one();
    bool is_later = false;
    later.expires_after(50ms);
    later.async_wait([&](const boost::system::error_code&) { is_later = true; });
    REQUIRE(run_until(w.context, [&] { return is_later; }));
    CHECK(w.questions == 1);
    CHECK(w.signs == 0);

    // It was only slow.
    w.are_well = true;
    w.answer_one();
    CHECK(run_until(w.context, [&] { return w.signs >= 2; }));
}

TEST_CASE("watchdog: a late answer is a sign at once", "[app]")
{
    watched w{1};
    w.dog.start(1h);
    w.turn();
    CHECK(w.signs == 0);
    w.answer_one();
    w.turn();
    CHECK(w.signs == 1);
    CHECK(w.questions == 1);
}

TEST_CASE("watchdog: once it has stopped it holds up no end and gives no sign", "[app]")
{
    watched w{1};
    w.dog.start(1h);
    w.dog.stop();
    w.answer_one();
    w.context.run(); // ends, because nothing is left to wait for
    CHECK(w.signs == 0);
    CHECK(w.questions == 1);
}

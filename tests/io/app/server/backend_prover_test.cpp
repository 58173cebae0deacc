// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/server/backend_prover.hpp"
#include "support/catch.hpp"
#include "support/event_recorder.hpp"
#include "support/listening.hpp"
#include "support/run_until.hpp"

#include <memory>
#include <optional>
#include <string>

using namespace fendmail;
using namespace fendmail::app;
using fendmail::test::run_until;
using fendmail::test_support::event_recorder;
using fendmail::test_support::far_end;
using fendmail::test_support::listening;

namespace {

/// A backend that the test works by hand, and what asks it.
struct asked_backend {
    boost::asio::io_context context;
    event_recorder events;
    listening backend;
    std::shared_ptr<const snapshot> current;
    backend_prover prover{context, [this] { return current; },
                          [this]() -> event_sink& { return events; }};
    std::optional<far_end> connection;

    explicit asked_backend(backend_kind kind)
    {
        runtime_config config;
        config.hostname = "mx.example.org";
        config.backend.kind = kind;
        config.backend.tcp = backend.where();
        current = make_snapshot(std::move(config));
    }
    ~asked_backend()
    {
        prover.stop();
        context.restart();
        context.run(); // until it has ended
    }
    void greet()
    {
        connection.reset();
        REQUIRE(run_until(context, [&] {
            connection = backend.accept();
            return connection.has_value();
        }));
        connection->send("220 mx.example.test ESMTP\r\n");
    }
    /// The backend waits for a line that ends so, then says `reply`.
    void answer(std::string_view line, std::string_view reply)
    {
        std::string got;
        REQUIRE(run_until(context, [&] {
            got += connection->take();
            return got.ends_with(line);
        }));
        connection->send(reply);
    }
};

constexpr const char* hello = "EHLO mx.example.org\r\n";

} // namespace

TEST_CASE("backend prover: a backend that takes the address is proven and not asked again",
          "[io][app]")
{
    asked_backend a{backend_kind::proxy_v2};
    a.prover.start();
    a.greet();
    a.answer(hello, "250 mx.example.test\r\n");
    a.answer("QUIT\r\n", "221 bye\r\n");
    REQUIRE(run_until(a.context, [&] { return a.connection->at_end(); }));
    CHECK_FALSE(a.current->identity->is_unknown());
    CHECK_FALSE(a.current->identity->is_mistaken());
    a.context.restart();
    a.context.run_for(milliseconds{1300});
    CHECK_FALSE(a.backend.accept());
    CHECK(a.events.count() == 0);
}

TEST_CASE("backend prover: one that answers the header is suspended, told and asked again",
          "[io][app]")
{
    asked_backend a{backend_kind::proxy_v1};
    a.prover.start();
    a.greet();
    a.answer(hello, "500 what\r\n250 mx.example.test\r\n");
    REQUIRE(run_until(a.context, [&] { return a.current->identity->is_mistaken(); }));
    CHECK(a.events.count<event::backend_suspended>() == 1);
    a.greet(); // the second probe
    a.answer(hello, "250 mx.example.test\r\n");
    a.answer("QUIT\r\n", "221 bye\r\n");
    CHECK(run_until(a.context, [&] { return !a.current->identity->is_mistaken(); }));
    CHECK(a.events.count<event::backend_suspended>() == 1);
}

TEST_CASE("backend prover: where nothing is to be found out it sleeps", "[io][app]")
{
    asked_backend a{backend_kind::plain};
    a.prover.start();
    constexpr milliseconds a_while{300};
    constexpr std::size_t wakes_max = 5;
    CHECK(a.context.run_for(a_while) < wakes_max);
    CHECK_FALSE(a.backend.accept());
}

TEST_CASE("backend prover: a stop ends the probe that is under way", "[io][app]")
{
    asked_backend a{backend_kind::xclient};
    a.prover.start();
    a.greet();
    a.answer(hello, "250-mx.example.test\r\n");
    a.prover.stop();
    a.context.restart();
    CHECK(a.context.run() > 0); // and returns
    CHECK(a.current->identity->is_unknown());
    CHECK(a.events.count() == 0);
}

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/server/backend_probe.hpp"
#include "fendmail/io/os/clock.hpp"
#include "support/catch.hpp"
#include "support/event_recorder.hpp"
#include "support/listening.hpp"
#include "support/run_until.hpp"
#include "support/temp_dir.hpp"

#include <memory>

using namespace fendmail;
using namespace fendmail::app;
using fendmail::test::run_until;
using fendmail::test_support::event_recorder;
using fendmail::test_support::far_end;
using fendmail::test_support::listening;

namespace {

struct watched_backend {
    boost::asio::io_context context;
    event_recorder events;
    std::shared_ptr<const snapshot> current;
    unsigned looks = 0;
    backend_probe probe{context, [this] {
                            ++looks;
                            return current;
                        }};

    explicit watched_backend(const backend_options& to)
    {
        runtime_config config;
        config.hostname = "mx.example.org";
        config.backend = to;
        config.backend.kind = backend_kind::plain;
        config.backend.connect_timeout = milliseconds{1000};
        current = make_snapshot(std::move(config));
    }
    ~watched_backend()
    {
        probe.stop();
        context.restart();
        context.run(); // until it has ended
    }
    void a_client_fails()
    {
        current->backend_health->on_failure(events, *parse_endpoint("198.51.100.7:1"), "b", "why",
                                            io::steady_now());
    }
    [[nodiscard]] bool is_well() const { return !current->backend_health->is_failing(); }
    [[nodiscard]] bool looks_again()
    {
        const auto before = looks;
        return run_until(context, [&] { return looks >= before + 2; });
    }
};

backend_options at(const endpoint& where)
{
    backend_options to;
    to.tcp = where;
    return to;
}

} // namespace

TEST_CASE("backend probe: one that fails counts as well as soon as it can be connected to",
          "[io][app]")
{
    std::unique_ptr<listening> backend; // gcc 12 warns of an optional here
    backend = std::make_unique<listening>();
    const auto where = backend->where();
    backend.reset();
    watched_backend w{at(where)};
    w.a_client_fails();
    w.probe.start();
    REQUIRE(w.looks_again());
    CHECK_FALSE(w.is_well());
    backend = std::make_unique<listening>(where.port);
    REQUIRE(run_until(w.context, [&] { return w.is_well(); }));
    CHECK(backend->accept());
    CHECK(w.events.count() == 1); // only the client's failure was told
}

TEST_CASE("backend probe: one that is well is never asked", "[io][app]")
{
    const listening backend;
    watched_backend w{at(backend.where())};
    w.probe.start();
    REQUIRE(w.looks_again());
    CHECK_FALSE(backend.accept());
}

TEST_CASE("backend probe: one of several addresses is enough, and a path will do", "[io][app]")
{
    const listening backend;
    listening gone;
    const auto dead = gone.where();
    gone.close();
    watched_backend several{at(dead)};
    several.current->backend_address->set({dead, backend.where()});
    several.a_client_fails();
    several.probe.start();
    CHECK(run_until(several.context, [&] { return several.is_well(); }));

    const test_support::temp_dir directory;
    backend_options to;
    to.unix_path = directory.file("lmtp");
    const listening there{to.unix_path, 5};
    watched_backend path{to};
    path.a_client_fails();
    path.probe.start();
    CHECK(run_until(path.context, [&] { return path.is_well(); }));
}

TEST_CASE("backend probe: it asks the backend of the moment, and a stop ends it at once",
          "[io][app]")
{
    const listening backend;
    listening gone;
    const auto dead = gone.where();
    gone.close();
    watched_backend w{at(dead)};
    w.a_client_fails();
    w.probe.start();
    REQUIRE(w.looks_again());
    const auto before = w.current;
    watched_backend other{at(backend.where())};
    w.current = other.current; // a reload
    w.a_client_fails();
    REQUIRE(run_until(w.context, [&] { return w.is_well(); }));
    CHECK(before->backend_health->is_failing());
    w.probe.stop();
    w.context.restart();
    const auto begun = io::steady_now();
    w.context.run();
    CHECK(io::steady_now() - begun < backend_probe::interval);
}

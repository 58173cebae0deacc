// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/shared/registry.hpp"

#include "support/catch.hpp"
#include "support/event_recorder.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <vector>

using namespace fendmail;
using namespace fendmail::app;

namespace {

const ip_address one = *parse_address("192.0.2.1");
const ip_address other = *parse_address("192.0.2.2");

struct fixture {
    test_support::event_recorder events;
    process_counters shared{4096};
    registry sessions{shared, events};
    io::stream_group streams;

    std::unique_ptr<registry::admission> admit(const ip_address& client, std::size_t limit = 0)
    {
        return std::make_unique<registry::admission>(sessions, client, streams, limit);
    }
};

} // namespace

TEST_CASE("registry: sessions are counted for each client and in all", "[app]")
{
    fixture f;
    const auto first = f.admit(one);
    auto second = f.admit(one);
    const auto third = f.admit(other);
    CHECK(first->of_client() == 2);
    CHECK(third->of_client() == 1);
    CHECK(f.shared.sessions == 3);
    CHECK(f.shared.descriptors == 3);
    second.reset();
    CHECK(first->of_client() == 1);
    CHECK(f.shared.sessions == 2);
    CHECK(first->id() != third->id());
}

TEST_CASE("registry: a session that leaves screening is counted out once", "[app]")
{
    fixture f;
    auto session = f.admit(one);
    CHECK(f.shared.screening == 1);
    session->leave_screening();
    session->leave_screening();
    CHECK(f.shared.screening == 0);
    session.reset();
    CHECK(f.shared.screening == 0);
}

TEST_CASE("registry: stress begins at 90 % of the limit and ends at 70 %", "[app]")
{
    fixture f;
    std::vector<std::unique_ptr<registry::admission>> sessions;
    const auto grow_to = [&](std::size_t count) {
        while (sessions.size() < count)
            sessions.push_back(f.admit(one, 10));
    };
    grow_to(8);
    CHECK_FALSE(f.sessions.is_stressed());
    grow_to(9);
    CHECK(f.sessions.is_stressed());
    sessions.resize(8);
    CHECK(f.sessions.is_stressed());
    sessions.resize(7);
    CHECK_FALSE(f.sessions.is_stressed());
    CHECK(f.events.count<event::stress_changed>() == 2);
}

TEST_CASE("registry: draining tells when the last session has gone", "[app]")
{
    fixture f;
    int told = 0;
    auto session = f.admit(one);
    f.sessions.drain([&] { ++told; });
    CHECK(told == 0);
    session.reset();
    CHECK(told == 1);

    fixture idle;
    idle.sessions.drain([&] { ++told; });
    CHECK(told == 2);
}

TEST_CASE("registry: an arrival holds a descriptor but is nobody's session", "[app]")
{
    fixture f;
    boost::asio::io_context context;
    io::stream connection{context.get_executor()};
    auto arrival = std::make_unique<registry::arrival>(f.sessions, connection);
    CHECK(f.shared.descriptors == 1);
    CHECK(f.shared.arrivals == 1);
    CHECK(f.shared.sessions == 0);
    CHECK(f.shared.screening == 0);
    CHECK_FALSE(f.sessions.is_empty());
    arrival->leave();
    CHECK(f.shared.descriptors == 1);
    CHECK(f.shared.arrivals == 0);
    CHECK_FALSE(f.sessions.is_empty());
    arrival.reset();
    CHECK(f.shared.descriptors == 0);
    CHECK(f.shared.arrivals == 0);
    CHECK(f.sessions.is_empty());
}

TEST_CASE("registry: draining waits for arrivals as for sessions", "[app]")
{
    for (const bool session_first : {false, true}) {
        fixture f;
        int told = 0;
        boost::asio::io_context context;
        io::stream connection{context.get_executor()};
        auto arrival = std::make_unique<registry::arrival>(f.sessions, connection);
        auto session = f.admit(one);
        CHECK_FALSE(f.sessions.turns_away());
        f.sessions.turn_away();
        CHECK(f.sessions.turns_away());
        f.sessions.drain([&] { ++told; });
        session_first ? session.reset() : arrival.reset();
        CHECK(told == 0);
        session.reset();
        arrival.reset();
        CHECK(told == 1);
    }
}

TEST_CASE("registry: descriptors are kept back for backends, and some for ourselves", "[app]")
{
    for (const std::size_t max : {64U, 256U, 1024U, 20000U, 1048576U}) {
        CAPTURE(max);
        process_counters shared{max};
        shared.keep_back(900);
        CHECK(shared.descriptors_for_all == max - std::min<std::size_t>(900, max / 2));
        CHECK(shared.descriptors_for_clients < shared.descriptors_for_all);
        CHECK(shared.descriptors_for_all < max);
        CHECK(shared.has_room_for_client());
        shared.descriptors = shared.descriptors_for_clients.load();
        CHECK_FALSE(shared.has_room_for_client());
        CHECK(shared.has_room_for_backend());
        shared.descriptors = shared.descriptors_for_all.load();
        CHECK_FALSE(shared.has_room_for_backend());
    }
}

TEST_CASE("registry: no two processes number a session alike, and readers of doubles see each",
          "[app]")
{
    using std::chrono::hours;
    const auto at = [](milliseconds since_1970) { return app::id_before_first(since_1970); };
    const milliseconds of_2026{1'780'000'000'000};
    CHECK(at(milliseconds{0}) == 0);
    CHECK(at(milliseconds{1'577'836'800'000}) == 0); // 2020
    CHECK(at(of_2026) == 202'163'200'000'000);
    CHECK(at(of_2026 + milliseconds{1}) == at(of_2026) + 1000);
    constexpr std::uint64_t exact_in_doubles = std::uint64_t{1} << 53;
    CHECK(at(of_2026 + hours{24 * 365 * 200}) < exact_in_doubles);
}

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dns/silence.hpp"

#include "support/catch.hpp"

using namespace fendmail;
using namespace std::chrono_literals;
using dns::silence;

namespace {
constexpr tick start = tick{} + 1h;
} // namespace

TEST_CASE("silence: a server that nobody asks is there", "[dns]")
{
    silence quiet;
    quiet.look(start + 1h);
    CHECK_FALSE(quiet.is_suspect());
    CHECK((quiet.next_look() == tick::max()));
}

TEST_CASE("silence: it takes seconds and probes, however much was asked", "[dns]")
{
    silence quiet;
    for (int i = 0; i < 100'000; ++i)
        quiet.on_sent(start);
    quiet.look(start + 999ms);
    CHECK_FALSE(quiet.is_suspect());
    int probes = 0;
    tick now = start + 1s;
    for (; !quiet.is_gone(); now += 10ms) {
        quiet.look(now);
        probes += quiet.take_probe(now) ? 1 : 0;
        REQUIRE(now < start + 10s);
    }
    CHECK((now - start >= 4s));
    CHECK(probes >= 10);
    CHECK((quiet.since() == start));
}

TEST_CASE("silence: one answer to anything ends it", "[dns]")
{
    silence quiet;
    for (int i = 0; i < 100; ++i)
        quiet.on_sent(start);
    quiet.look(start + 5s);
    REQUIRE(quiet.is_gone());
    CHECK(quiet.take_probe(start + 5s));
    CHECK_FALSE(quiet.take_probe(start + 5s)); // not without end
    CHECK((quiet.next_look() == start + 5500ms));
    quiet.on_heard(start + 6s);
    CHECK_FALSE(quiet.is_suspect());
    quiet.on_sent(start + 7s);
    quiet.look(start + 8s);
    CHECK(quiet.is_suspect());
    CHECK_FALSE(quiet.is_gone());
}

TEST_CASE("silence: a single question without an answer makes no server dead", "[dns]")
{
    silence quiet;
    quiet.on_sent(start);
    quiet.look(start + 1h);
    CHECK_FALSE(quiet.is_gone());
}

TEST_CASE("silence: where nobody listens, a second is enough", "[dns]")
{
    silence quiet;
    for (int i = 0; i < 3; ++i) {
        quiet.on_sent(start);
        quiet.on_refused(start + 10ms);
    }
    CHECK(quiet.is_suspect());
    CHECK_FALSE(quiet.is_gone()); // a name server that starts again takes less
    quiet.look(start + 1s);
    CHECK(quiet.is_gone());
    CHECK(quiet.was_refused());
}

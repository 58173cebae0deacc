// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/session/client_memory.hpp"

#include "fendmail/io/store/memory_store.hpp"
#include "support/catch.hpp"

using namespace fendmail;
using namespace fendmail::app;
using screen::client_record;
using screen::test;

namespace {

const instant then{seconds{1'700'000'000}};

client_record passed(std::initializer_list<test> tests, instant until = then)
{
    client_record record;
    for (const test t : tests)
        record.expires_at[t] = until;
    return record;
}

struct fixture {
    io::memory_store store;
    runtime_config config;

    [[nodiscard]] client_memory of(const char* address)
    {
        return {store, config, *parse_address(address)};
    }
};

} // namespace

TEST_CASE("client memory: addresses of one IPv6 network are one client", "[app]")
{
    fixture f;
    f.of("2001:db8::1").put(passed({test::dnsbl}), then);
    const auto neighbour = f.of("2001:db8::ffff:2").get(then);
    REQUIRE(neighbour.has_value());
    CHECK(*neighbour == passed({test::dnsbl}));
    CHECK_FALSE(f.of("2001:db8:0:1::1").get(then).has_value());

    f.config.store.ipv6_prefix = 128;
    CHECK_FALSE(f.of("2001:db8::2").get(then).has_value());
    f.of("2001:db8::2").put(passed({test::dnsbl}), then);
    CHECK(f.of("2001:db8::2").get(then).has_value());
    CHECK_FALSE(f.of("2001:db8::3").get(then).has_value());
}

TEST_CASE("client memory: IPv4 addresses are clients of their own", "[app]")
{
    fixture f;
    f.of("192.0.2.1").put(passed({test::dnsbl, test::pipelining}), then);
    CHECK(f.of("192.0.2.1").get(then).has_value());
    CHECK_FALSE(f.of("192.0.2.2").get(then).has_value());
}

TEST_CASE("client memory: IPv4 neighbours can share deep tests, and nothing else", "[app]")
{
    fixture f;
    f.config.deep.ipv4_prefix = 24;
    f.of("192.0.2.1").put(passed({test::pregreet, test::dnsbl, test::pipelining}), then);
    CHECK(f.of("192.0.2.1").get(then) ==
          std::optional{passed({test::pregreet, test::dnsbl, test::pipelining})});
    CHECK(f.of("192.0.2.255").get(then) == std::optional{passed({test::pipelining})});
    CHECK_FALSE(f.of("192.0.3.1").get(then).has_value());

    // The later pass counts, whosever it is.
    f.of("192.0.2.2").put(passed({test::pipelining}, then + seconds{60}), then);
    CHECK(f.of("192.0.2.1").get(then)->expires_at[test::pipelining] == then + seconds{60});
    f.of("192.0.2.3").put(passed({test::pipelining}, then - seconds{60}), then);
    CHECK(f.of("192.0.2.1").get(then)->expires_at[test::pipelining] == then + seconds{60});
}

TEST_CASE("client memory: who passed no deep test leaves nothing for neighbours", "[app]")
{
    fixture f;
    f.config.deep.ipv4_prefix = 24;
    auto record = passed({test::dnsbl});
    record.expires_at[test::pipelining] = client_record::was_disabled;
    f.of("192.0.2.1").put(record, then);
    CHECK(f.of("192.0.2.1").get(then) == std::optional{record});
    CHECK_FALSE(f.of("192.0.2.2").get(then).has_value());
}

TEST_CASE("client memory: passes from a clock that was ahead are none, also those of neighbours",
          "[app]")
{
    fixture f;
    f.config.deep.ipv4_prefix = 24;
    const auto year_ahead = then + std::chrono::days{365};
    f.of("192.0.2.1").put(passed({test::pregreet, test::pipelining}, year_ahead), year_ahead);
    CHECK(f.of("192.0.2.1").get(year_ahead) ==
          std::optional{passed({test::pregreet, test::pipelining}, year_ahead)});
    CHECK(f.of("192.0.2.1").get(then) == std::optional{client_record{}});
    CHECK_FALSE(f.of("192.0.2.2").get(then)->is_passed(test::pipelining, then));
    // What is passed now is not hidden behind it.
    f.of("192.0.2.2").put(passed({test::pipelining}, then + seconds{60}), then);
    CHECK(f.of("192.0.2.3").get(then)->expires_at[test::pipelining] == then + seconds{60});
}

TEST_CASE("client memory: a shorter TTL ends longer passes", "[app]")
{
    fixture f;
    f.of("192.0.2.1").put(passed({test::pregreet}, then + std::chrono::hours{20}), then);
    CHECK(f.of("192.0.2.1").get(then)->is_passed(test::pregreet, then));
    f.config.screening.tests[test::pregreet].ttl = std::chrono::hours{1};
    CHECK_FALSE(f.of("192.0.2.1").get(then)->is_passed(test::pregreet, then));
}

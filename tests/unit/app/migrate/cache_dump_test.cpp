// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/migrate/cache_dump.hpp"

#include "support/catch.hpp"

#include <vector>

namespace fendmail::app::postscreen {
namespace {

constexpr instant now{seconds{1'800'000'000}};

std::vector<std::int64_t> times_of(const screen::client_record& record)
{
    std::vector<std::int64_t> out;
    for (const instant at : record.expires_at.values)
        out.push_back(at.time_since_epoch().count());
    return out;
}

std::vector<std::int64_t> times_of(std::string_view line)
{
    const auto parsed = parse_cache_line(line, now);
    const auto* found = std::get_if<cached_client>(&parsed);
    return found == nullptr ? std::vector<std::int64_t>{} : times_of(found->record);
}

} // namespace

TEST_CASE("cache dump: a line is a client and when its passes end", "[migrate]")
{
    const auto parsed = parse_cache_line("192.0.2.1\t1800000100;0;1;1;1800000200", now);
    const auto* found = std::get_if<cached_client>(&parsed);
    REQUIRE(found != nullptr);
    CHECK(to_text(found->address) == "192.0.2.1");
    using screen::test;
    const auto& ends = found->record.expires_at;
    CHECK(ends[test::pregreet] == instant{seconds{1'800'000'100}});
    CHECK(ends[test::dnsbl] == screen::client_record::never_passed);
    CHECK(ends[test::pipelining] == screen::client_record::was_disabled);
    CHECK(ends[test::bare_newline] == instant{seconds{1'800'000'200}});
}

TEST_CASE("cache dump: what an older version did not know was off", "[migrate]")
{
    CHECK(times_of("192.0.2.1 5;6") == std::vector<std::int64_t>{5, 6, 1, 1, 1});
    CHECK(times_of("2001:db8::1   5;6;7;8;9  ") == std::vector<std::int64_t>{5, 6, 7, 8, 9});
    CHECK(times_of("2001:db8::1 5;") == std::vector<std::int64_t>{5, 1, 1, 1, 1});
}

TEST_CASE("cache dump: what is no client is passed over or told of", "[migrate]")
{
    for (const char* line : {"", "  ", "_LAST_CACHE_CLEANUP_COMPLETED_\t1795256126"}) {
        CAPTURE(line);
        CHECK(std::holds_alternative<housekeeping>(parse_cache_line(line, now)));
    }
    for (const char* line :
         {"mail.example.org 1;1;1;1;1", "192.0.2.1", "192.0.2.1 1;2;3;4;5;6", "192.0.2.1 1;x",
          "192.0.2.1 -1;1", "192.0.2.1 1;;1", "192.0.2.1 1,2", "192.0.2.1 99999999999999999999",
          "192.0.2.0/24 1;1;1;1;1", "192.0.2.1 9999999999;1"}) {
        CAPTURE(line);
        const auto parsed = parse_cache_line(line, now);
        const auto* bad = std::get_if<bad_line>(&parsed);
        REQUIRE(bad != nullptr);
        CHECK_FALSE(bad->reason.empty());
    }
}

} // namespace fendmail::app::postscreen

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/report/time_zone.hpp"

#include "log_lines.hpp"
#include "support/catch.hpp"

using namespace fendmail;
using namespace fendmail::app;
using log_lines::noon;
using log_lines::utc;

namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr instant at(int year, unsigned month, unsigned day, int hour = 0, int minute = 0)
{
    return std::chrono::sys_days{std::chrono::year{year} / std::chrono::month{month} /
                                 std::chrono::day{day}} +
           hours{hour} + minutes{minute};
}

/// Summer time from the last Sunday of March to that of October 2025.
time_zone berlin()
{
    return time_zone{[](instant when) -> seconds {
        const bool is_summer = when >= at(2025, 3, 30, 1) && when < at(2025, 10, 26, 1);
        return hours{is_summer ? 2 : 1};
    }};
}

std::optional<instant> syslog_time(std::string_view text, instant now)
{
    const auto found = read_syslog_stamp(text, utc(), now);
    if (!found) return std::nullopt;
    return found->time;
}

} // namespace

TEST_CASE("time zone: local clocks and instants lead to each other on both sides of a change",
          "[report]")
{
    const auto zone = berlin();
    for (const instant when :
         {at(2025, 1, 1), at(2025, 3, 30, 0, 59), at(2025, 3, 30, 1), at(2025, 7, 1, 23, 59),
          at(2025, 10, 25, 23, 59), at(2025, 10, 26, 2), at(2025, 12, 31, 23, 30)})
        CHECK(zone.from_local(zone.to_local(when)) == when);
    // The hour that there is twice.
    const auto twice = zone.from_local(at(2025, 10, 26, 2, 30));
    CHECK((twice == at(2025, 10, 26, 0, 30) || twice == at(2025, 10, 26, 1, 30)));
}

TEST_CASE("time zone: a stamp without a year is of the last twelve months", "[report]")
{
    CHECK(syslog_time("Nov 21 06:07:08 mx", noon) == at(2025, 11, 21, 6, 7) + seconds{8});
    CHECK(syslog_time("Nov  1 06:07:08 mx", noon) == at(2025, 11, 1, 6, 7) + seconds{8});
    CHECK(syslog_time("Dec 31 23:59:59 mx", at(2026, 1, 1, 0, 1)) ==
          at(2025, 12, 31, 23, 59) + seconds{59});
    CHECK(syslog_time("Jan  1 00:00:01 mx", at(2025, 12, 31, 23, 59)) ==
          at(2026, 1, 1) + seconds{1});
    CHECK(syslog_time("Dec  1 00:00:00 mx", noon) == at(2024, 12, 1));
    CHECK(syslog_time("Feb 29 12:00:00 mx", noon) == at(2024, 2, 29, 12));
    for (const std::string_view bad : {"", "Nov", "Nov 2", "Nov 21 6:07:08", "Nox 21 06:07:08",
                                       "Nov 31 06:07:08", "Nov 21 24:07:08", "Nov 21 06:60:08"})
        CHECK_FALSE(syslog_time(bad, noon));
}

TEST_CASE("time zone: stamps of RFC 3339 and its relatives", "[report]")
{
    struct row {
        std::string_view text;
        instant when;
    };
    const auto zone = berlin();
    for (const auto& [text, when] : {row{"2025-11-21T06:07:00Z", at(2025, 11, 21, 6, 7)},
                                     row{"2025-11-21T06:07:00.123Z rest", at(2025, 11, 21, 6, 7)},
                                     row{"2025-11-21T07:07:00+01:00", at(2025, 11, 21, 6, 7)},
                                     row{"2025-11-21T01:07:00-0500", at(2025, 11, 21, 6, 7)},
                                     row{"2025-11-21 07:07", at(2025, 11, 21, 6, 7)},
                                     row{"2025-07-21T08:07:00", at(2025, 7, 21, 6, 7)}}) {
        CAPTURE(text);
        const auto found = read_iso_stamp(text, zone);
        REQUIRE(found);
        CHECK(found->time == when);
    }
    for (const std::string_view bad : {"2025-11-21", "2025-13-21T06:07:00Z", "2025-02-29T06:07:00Z",
                                       "2025-11-21T25:07:00Z", "2025-11-21T06:07:00+1", "x"})
        CHECK_FALSE(read_iso_stamp(bad, zone));
}

TEST_CASE("time zone: points in time as an admin writes them", "[report]")
{
    const auto zone = berlin();
    CHECK(read_point("now", zone, noon) == noon);
    CHECK(read_point("1d", zone, noon) == noon - hours{24});
    CHECK(read_point("90m", zone, noon) == noon - minutes{90});
    CHECK(read_point("today", zone, noon) == at(2025, 11, 20, 23));
    CHECK(read_point("yesterday", zone, noon) == at(2025, 11, 19, 23));
    // A day of 25 hours.
    CHECK(read_point("yesterday", zone, at(2025, 10, 27, 12)) == at(2025, 10, 25, 22));
    CHECK(read_point("2025-11-21", zone, noon) == at(2025, 11, 20, 23));
    CHECK(read_point("2025-11-21 06:07", zone, noon) == at(2025, 11, 21, 5, 7));
    CHECK(read_point("2025-11-21T06:07:00Z", zone, noon) == at(2025, 11, 21, 6, 7));
    for (const std::string_view bad : {"", "1", "d", "tomorrow", "2025-11-21 06:07 x", "2025-11"})
        CHECK_FALSE(read_point(bad, zone, noon));
}

TEST_CASE("time zone: times as a report shows them", "[report]")
{
    CHECK(utc_text(noon) == "2025-11-21T12:00:00Z");
    CHECK(day_text(noon, berlin()) == "Fri 21 Nov 2025 13:00");
    CHECK(minute_text(at(2025, 11, 1, 23, 30), berlin()) == " 2 Nov 00:30");
}

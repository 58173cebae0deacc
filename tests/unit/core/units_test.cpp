// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/units.hpp"

#include "support/catch.hpp"

#include <optional>
#include <random>
#include <string>

namespace fendmail {

TEST_CASE("units: a duration is a whole number and a unit", "[config]")
{
    struct row {
        const char* text;
        std::optional<std::int64_t> want_ms = std::nullopt;
    };
    static const row rows[] = {
        {"500ms", 500},
        {"6s", 6'000},
        {"10m", 600'000},
        {"12h", 43'200'000},
        {"30d", 2'592'000'000},
        {"1w", 604'800'000},
        {"0s", 0},
        {"0ms", 0},
        {"36500d", 3'153'600'000'000},
        {"3153600000000ms", 3'153'600'000'000},
        {"36501d"},
        {"3153600000001ms"},
        {"9223372036854775808ms"},
        {"18446744073709551616ms"},
        {"99999999999999999999999s"},
        {"30500568904943w"}, // its milliseconds wrap around 64 bits to a small number
        {""},
        {"0"},
        {"6"},
        {"s"},
        {"ms"},
        {" 6s"},
        {"6s "},
        {"6 s"},
        {"-6s"},
        {"+6s"},
        {"1.5s"},
        {"6S"},
        {"6M"},
        {"6y"},
        {"6us"},
        {"6sec"},
        {"1h30m"},
        {"0x6s"},
        {"six s"},
    };
    for (const row& r : rows) {
        CAPTURE(r.text);
        const auto got = parse_duration(r.text);
        REQUIRE(got.has_value() == r.want_ms.has_value());
        if (got)
            CHECK(got->count() == *r.want_ms);
        else
            CHECK(message(got.error()) == message(error::bad_duration));
    }
}

TEST_CASE("units: a size is octets, or a whole number and a unit", "[config]")
{
    struct row {
        const char* text;
        std::optional<std::uint64_t> want = std::nullopt;
    };
    static const row rows[] = {
        {"0", 0},
        {"512", 512},
        {"1KB", 1000},
        {"64KiB", 65536},
        {"10MB", 10'000'000},
        {"10MiB", 10'485'760},
        {"1GB", 1'000'000'000},
        {"1GiB", 1'073'741'824},
        {"2TB", 2'000'000'000'000},
        {"1TiB", 1'099'511'627'776},
        {"18446744073709551615", UINT64_MAX},
        {"18446744073709551616"},
        {"16777215TiB", 0xffffff0000000000},
        {"16777216TiB"},
        {"18446744073709552KB"},
        {""},
        {"KiB"},
        {"64 KiB"},
        {" 64KiB"},
        {"64KiB "},
        {"64kib"},
        {"64kB"},
        {"64K"},
        {"64B"},
        {"64KiBs"},
        {"-1"},
        {"+1"},
        {"1.5MB"},
        {"0x10"},
    };
    for (const row& r : rows) {
        CAPTURE(r.text);
        const auto got = parse_size(r.text);
        REQUIRE(got.has_value() == r.want.has_value());
        if (got)
            CHECK(*got == *r.want);
        else
            CHECK(message(got.error()) == message(error::bad_size));
    }
}

TEST_CASE("units: a text is not read beyond its end", "[config]")
{
    const std::string_view longer = "64KiB10ms";
    CHECK(parse_size(longer.substr(0, 5)).value() == 65536);
    CHECK(parse_size(longer.substr(0, 2)).value() == 64);
    CHECK(parse_duration(longer.substr(5, 3)).value() == std::chrono::minutes{10});
    CHECK(parse_duration(std::string_view{}).has_error());
}

TEST_CASE("units: a duration is printed in the largest unit that is exact", "[config]")
{
    struct row {
        std::int64_t ms;
        const char* want;
    };
    static const row rows[] = {
        {0, "0s"},
        {1, "1ms"},
        {1'500, "1500ms"},
        {6'000, "6s"},
        {60'000, "1m"},
        {90'000, "90s"},
        {3'600'000, "1h"},
        {5'400'000, "90m"},
        {86'400'000, "1d"},
        {129'600'000, "36h"},
        {604'800'000, "1w"},
        {2'592'000'000, "30d"},
        {1'209'600'000, "2w"},
        {-6'000, "-6s"},
    };
    for (const row& r : rows) {
        CAPTURE(r.ms);
        CHECK(to_text(milliseconds{r.ms}) == r.want);
    }
}

TEST_CASE("units: what is printed parses back, and no other unit is shorter", "[config]")
{
    std::mt19937_64 random{20260801};
    const std::int64_t factors[] = {1, 1000, 60'000, 3'600'000, 86'400'000, 604'800'000};
    const char* const names[] = {"ms", "s", "m", "h", "d", "w"};
    for (int i = 0; i < 5000; ++i) {
        const auto ms = static_cast<std::int64_t>(random() % 1000 + 1) * factors[random() % 6];
        const auto text = to_text(milliseconds{ms});
        CAPTURE(ms, text);
        REQUIRE(parse_duration(text).value() == milliseconds{ms});
        for (std::size_t u = 0; u < 6; ++u)
            if (ms % factors[u] == 0)
                REQUIRE(text.size() <= (std::to_string(ms / factors[u]) + names[u]).size());
    }
}

TEST_CASE("units: an age is told in its two greatest units", "[config]")
{
    struct row {
        std::int64_t age;
        const char* want;
    };
    static const row rows[] = {
        {-5, "0s"},         {0, "0s"},     {59, "59s"},      {60, "1m"},      {61, "1m 1s"},
        {3599, "59m 59s"},  {3600, "1h"},  {3659, "1h"},     {3660, "1h 1m"}, {11100, "3h 5m"},
        {86399, "23h 59m"}, {86400, "1d"}, {90000, "1d 1h"}, {89999, "1d"},   {34560000, "400d"},
    };
    for (const row& r : rows) {
        CAPTURE(r.age);
        CHECK(age_text(seconds{r.age}) == r.want);
    }
}

} // namespace fendmail

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/screen/client_record.hpp"

#include "fendmail/core/screen/policy.hpp"

#include "support/catch.hpp"

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <set>
#include <span>
#include <string_view>
#include <vector>

namespace fendmail::screen {
namespace {

constexpr instant now{seconds{1'800'000'000}};

client_record record_of(std::array<instant, test_count> times)
{
    client_record made;
    made.expires_at.values = times;
    return made;
}

/// A record that says it has so many tests, with the times of `times` of them, all passed.
std::vector<std::byte> stored(std::size_t version, std::size_t tests, std::size_t times)
{
    std::vector<std::byte> octets{static_cast<std::byte>(version), static_cast<std::byte>(tests)};
    const auto end = static_cast<std::uint64_t>(now.time_since_epoch().count());
    for (std::size_t i = 0; i < 8 * times; ++i)
        octets.push_back(static_cast<std::byte>(end >> (8 * (7 - i % 8))));
    return octets;
}

std::vector<std::byte> from_hex(std::string_view digits)
{
    std::vector<std::byte> octets;
    for (; !digits.empty(); digits.remove_prefix(2)) {
        unsigned value = 0;
        std::from_chars(digits.data(), digits.data() + 2, value, 16);
        octets.push_back(static_cast<std::byte>(value));
    }
    return octets;
}

std::span<const std::byte> as_span(const std::vector<std::byte>& octets)
{
    return octets;
}

} // namespace

TEST_CASE("client record: every test and action has a name of its own", "[screen]")
{
    std::set<std::string_view> names;
    for (const test t : all_tests)
        names.insert(to_string(t));
    CHECK(names == std::set<std::string_view>{"pregreet", "dnsbl", "pipelining", "non_smtp_command",
                                              "bare_newline"});
    CHECK(to_string(action::ignore) == "ignore");
    CHECK(to_string(action::enforce) == "enforce");
    CHECK(to_string(action::drop) == "drop");
    CHECK(is_early(test::dnsbl));
    CHECK_FALSE(is_early(test::pipelining));
}

TEST_CASE("client record: a test is passed up to and including its expiry", "[screen]")
{
    struct row {
        instant expires_at;
        bool want;
    };
    static const row rows[] = {{client_record::never_passed, false},
                               {client_record::was_disabled, false},
                               {now - seconds{1}, false},
                               {now, true},
                               {now + seconds{1}, true},
                               {instant{seconds{-1}}, false}};
    for (const row& r : rows) {
        client_record record;
        record.expires_at[test::pipelining] = r.expires_at;
        CAPTURE(r.expires_at.time_since_epoch().count());
        CHECK(record.is_passed(test::pipelining, now) == r.want);
        CHECK_FALSE(record.is_passed(test::pregreet, now));
    }
    // In the first second of 1970 the two special values must still not count as times.
    client_record record;
    record.expires_at[test::dnsbl] = client_record::was_disabled;
    CHECK_FALSE(record.is_passed(test::pregreet, instant{seconds{0}}));
    CHECK_FALSE(record.is_passed(test::dnsbl, instant{seconds{0}}));
}

TEST_CASE("client record: it is new while every test was never passed", "[screen]")
{
    CHECK(client_record{}.is_new());
    for (const test t : all_tests) {
        CAPTURE(to_string(t));
        client_record record;
        record.expires_at[t] = client_record::was_disabled;
        CHECK_FALSE(record.is_new());
        record.expires_at[t] = now;
        CHECK_FALSE(record.is_new());
    }
}

TEST_CASE("client record: it is stale when its last pass ended before the retention", "[screen]")
{
    constexpr seconds retention{std::chrono::days{7}};
    constexpr auto never = client_record::never_passed;
    constexpr auto disabled = client_record::was_disabled;
    struct row {
        const char* title;
        std::array<instant, test_count> times;
        bool want;
    };
    static const row rows[] = {
        {"nothing known", {never, never, never, never, never}, true},
        {"all disabled", {disabled, disabled, disabled, disabled, disabled}, true},
        {"passed still", {now, never, disabled, never, never}, false},
        {"at the edge", {now - retention, never, never, never, never}, false},
        {"behind it", {now - retention - seconds{1}, never, disabled, never, never}, true},
        {"the last one counts", {now - retention - seconds{1}, never, never, never, now}, false},
    };
    for (const row& r : rows) {
        CAPTURE(r.title);
        CHECK(record_of(r.times).is_stale(now, retention) == r.want);
    }
    // Also when the retention reaches back before 1970.
    CHECK(client_record{}.is_stale(now, std::chrono::days{36500}));
}

TEST_CASE("client record: the stored form is fixed, octet by octet", "[screen]")
{
    const auto record =
        record_of({instant{seconds{0x0102030405060708}}, client_record::was_disabled,
                   client_record::never_passed, instant{seconds{0x6b49d200}},
                   instant{seconds{std::numeric_limits<std::int64_t>::max()}}});
    const auto got = encode(record);
    const std::vector<unsigned> want{1, 5,    1,    2,    3,    4,    5,    6,    7,    8,    0,
                                     0, 0,    0,    0,    0,    0,    1,    0,    0,    0,    0,
                                     0, 0,    0,    0,    0,    0,    0,    0,    0x6b, 0x49, 0xd2,
                                     0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    std::vector<unsigned> seen;
    for (const auto octet : got)
        seen.push_back(std::to_integer<unsigned>(octet));
    CHECK(seen == want);
    CHECK(decode(got).value() == record);
    CHECK(decode(encode(client_record{})).value() == client_record{});
}

TEST_CASE("client record: a time before 1970 is stored as never passed", "[screen]")
{
    client_record record;
    record.expires_at[test::dnsbl] = instant{seconds{-5}};
    record.expires_at[test::pregreet] = now;
    const auto got = decode(encode(record)).value();
    CHECK(got.expires_at[test::dnsbl] == client_record::never_passed);
    CHECK(got.expires_at[test::pregreet] == now);
}

TEST_CASE("client record: records with fewer or more tests than today are read", "[screen]")
{
    constexpr auto was_off = client_record::was_disabled;
    // What a version with so many tests writes for a client that passed all until then.
    for (std::size_t tests = 1; tests <= 255; ++tests) {
        CAPTURE(tests);
        const auto got = decode(stored(1, tests, tests));
        REQUIRE(got.has_value());
        for (const test t : all_tests) {
            const bool is_there = static_cast<std::size_t>(t) < tests;
            CHECK(got.value().expires_at[t] == (is_there ? now : was_off));
            CHECK(got.value().is_passed(t, now) == is_there);
        }
        CHECK_FALSE(got.value().is_new());
        CHECK(encode(got.value())[1] == std::byte{test_count});
    }
}

TEST_CASE("client record: what today's and yesterday's versions store stays readable", "[screen]")
{
    struct row {
        const char* title;
        const char* octets;
        std::array<std::int64_t, test_count> times;
    };
    static const row rows[] = {
        {"five tests, three of them off",
         "0105"
         "0000000067748580"
         "0000000067760700"
         "0000000000000001"
         "0000000000000001"
         "0000000000000001",
         {0x67748580, 0x67760700, 1, 1, 1}},
        {"five tests, one never passed",
         "0105"
         "0000000067748580"
         "0000000000000000"
         "0000000069000000"
         "0000000069000001"
         "0000000069000002",
         {0x67748580, 0, 0x69000000, 0x69000001, 0x69000002}},
        {"six tests",
         "0106"
         "0000000067748580"
         "0000000067760700"
         "0000000069000000"
         "0000000069000001"
         "0000000069000002"
         "ffffffffffffffff",
         {0x67748580, 0x67760700, 0x69000000, 0x69000001, 0x69000002}},
        {"two tests",
         "0102"
         "0000000067748580"
         "0000000000000000",
         {0x67748580, 0, 1, 1, 1}},
    };
    for (const row& r : rows) {
        CAPTURE(r.title);
        const auto got = decode(from_hex(r.octets));
        REQUIRE(got.has_value());
        for (const test t : all_tests)
            CHECK(got.value().expires_at[t].time_since_epoch().count() ==
                  r.times[static_cast<std::size_t>(t)]);
    }
}

TEST_CASE("client record: anything but a whole record of this version is refused", "[screen]")
{
    for (const std::size_t tests : {1U, 4U, 5U, 6U, 255U}) {
        const auto whole = stored(1, tests, tests);
        REQUIRE(decode(whole).has_value());
        for (std::size_t size = 0; size < whole.size(); ++size) {
            CAPTURE(tests, size);
            CHECK(decode(as_span(whole).first(size)).has_error());
        }
        auto longer = whole;
        longer.push_back(std::byte{0});
        CHECK(decode(longer).has_error());
    }
    CHECK(decode(stored(1, 0, 0)).has_error());
    for (std::size_t value = 0; value < 256; ++value) {
        CAPTURE(value);
        CHECK(decode(stored(value, test_count, test_count)).has_value() == (value == 1));
        CHECK(decode(stored(1, value, test_count)).has_value() == (value == test_count));
    }
    for (std::size_t t = 0; t < test_count; ++t) {
        auto beyond_int64 = stored(1, test_count, test_count);
        beyond_int64[2 + 8 * t] = std::byte{0x80};
        const auto got = decode(beyond_int64);
        REQUIRE(got.has_error());
        CHECK(message(got.error()) == message(error::bad_record));
    }
}

TEST_CASE("client record: no octets give a pass that is not in them", "[screen]")
{
    std::minstd_rand random{7};
    std::size_t readable = 0;
    for (int round = 0; round < 20'000; ++round) {
        // Near to a record, or hardly any would be readable.
        auto octets = stored(random() % 8 == 0 ? random() % 256 : 1, random() % 9, random() % 9);
        for (auto changes = random() % 4; changes > 0; --changes)
            octets[random() % octets.size()] = static_cast<std::byte>(random() % 256);
        const auto got = decode(octets);
        if (!got) continue;
        ++readable;
        for (const test t : all_tests) {
            const std::size_t at = 2 + 8 * static_cast<std::size_t>(t);
            if (!got.value().is_passed(t, now)) continue;
            REQUIRE(at + 8 <= octets.size());
            std::uint64_t count = 0;
            for (std::size_t i = at; i < at + 8; ++i)
                count = count << 8 | std::to_integer<std::uint64_t>(octets[i]);
            CHECK(got.value().expires_at[t].time_since_epoch().count() ==
                  static_cast<std::int64_t>(count));
        }
    }
    CHECK(readable > 500);
}

TEST_CASE("client record: deep passes are taken over, and nothing else", "[screen]")
{
    client_record own;
    own.expires_at[test::pregreet] = instant{seconds{1000}};
    own.expires_at[test::bare_newline] = instant{seconds{3000}};
    client_record other;
    other.expires_at[test::dnsbl] = instant{seconds{2000}};
    other.expires_at[test::pipelining] = instant{seconds{2000}};
    other.expires_at[test::bare_newline] = instant{seconds{2000}};
    other.expires_at[test::non_smtp_command] = client_record::was_disabled;

    auto want = own;
    want.expires_at[test::pipelining] = instant{seconds{2000}};
    CHECK((with_deep_passes(own, other) == want));
    CHECK((with_deep_passes(own, client_record{}) == own));
}

TEST_CASE("client record: of two records the later end of each test stays", "[screen]")
{
    const auto of = [](std::array<int, test_count> times) {
        client_record out;
        for (std::size_t i = 0; i < times.size(); ++i)
            out.expires_at.values[i] = instant{seconds{times[i]}};
        return out;
    };
    CHECK((later_of(of({10, 0, 1, 30, 5}), of({20, 1, 0, 3, 5})) == of({20, 1, 1, 30, 5})));
}

TEST_CASE("client record: a pass that ends later than any can is none, each test by its own TTL",
          "[screen]")
{
    constexpr instant early{seconds{1'000'000}};
    by_test<seconds> longest{};
    for (std::size_t i = 0; i < test_count; ++i)
        longest.values[i] = seconds{100 * (static_cast<int>(i) + 1)};
    for (const test t : all_tests) {
        for (const int beyond : {-100, -1, 0, 1, 2, 1'000'000}) {
            CAPTURE(to_string(t), beyond);
            client_record record;
            record.expires_at.values.fill(early + seconds{50});
            record.expires_at[t] = early + longest[t] + seconds{beyond};
            auto want = record;
            if (beyond > 0) want.expires_at[t] = client_record::never_passed;
            CHECK((without_impossible(record, longest, early) == want));
        }
    }
    client_record extreme;
    extreme.expires_at.values = {client_record::never_passed, client_record::was_disabled,
                                 early - std::chrono::days{10}, instant::max(), instant::max()};
    const auto left = without_impossible(extreme, longest, early);
    CHECK((left.expires_at[test::pregreet] == client_record::never_passed));
    CHECK((left.expires_at[test::dnsbl] == client_record::was_disabled));
    CHECK((left.expires_at[test::pipelining] == early - std::chrono::days{10}));
    CHECK((left.expires_at[test::bare_newline] == client_record::never_passed));
    // A clock that is far back believes none of the passes that were given before.
    CHECK_FALSE(without_impossible(extreme, longest, instant{seconds{5}})
                    .is_passed(test::pipelining, instant{seconds{5}}));
}

TEST_CASE("policy: how long passes last follows each test's TTL", "[screen]")
{
    policy rules;
    rules.dnsbl_max_ttl = seconds{7200};
    rules.tests[test::pregreet].ttl = seconds{3600};
    CHECK(rules.longest_passes()[test::pregreet] == seconds{3600});
    CHECK(rules.longest_passes()[test::dnsbl] == seconds{7200});
    CHECK(rules.longest_passes()[test::bare_newline] == std::chrono::days{30});
    rules.dnsbl_allow_threshold = -1; // a score lets clients off all tests, for as long as it holds
    CHECK(rules.longest_passes()[test::pregreet] == seconds{7200});
    CHECK(rules.longest_passes()[test::bare_newline] == std::chrono::days{30});
}

} // namespace fendmail::screen

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/screen/client_record.hpp"

#include "fendmail/core/screen/policy.hpp"

#include "support/catch.hpp"

#include <cstdint>
#include <limits>
#include <set>
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

TEST_CASE("client record: anything but a whole record of this version is refused", "[screen]")
{
    const auto good = encode(record_of({now, now, now, now, now}));
    const std::vector<std::byte> whole{good.begin(), good.end()};
    REQUIRE(decode(as_span(whole)).has_value());
    for (std::size_t size = 0; size < whole.size(); ++size) {
        CAPTURE(size);
        CHECK(decode(as_span(whole).first(size)).has_error());
    }
    auto longer = whole;
    longer.push_back(std::byte{0});
    CHECK(decode(longer).has_error());
    for (unsigned value = 0; value < 256; ++value) {
        CAPTURE(value);
        auto other_version = whole;
        other_version[0] = std::byte{static_cast<unsigned char>(value)};
        CHECK(decode(other_version).has_value() == (value == 1));
        auto other_count = whole;
        other_count[1] = std::byte{static_cast<unsigned char>(value)};
        CHECK(decode(other_count).has_value() == (value == test_count));
    }
    for (std::size_t t = 0; t < test_count; ++t) {
        auto beyond_int64 = whole;
        beyond_int64[2 + 8 * t] = std::byte{0x80};
        const auto got = decode(beyond_int64);
        REQUIRE(got.has_error());
        CHECK(message(got.error()) == message(error::bad_record));
    }
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
    constexpr instant now{seconds{1'000'000}};
    by_test<seconds> longest{};
    for (std::size_t i = 0; i < test_count; ++i)
        longest.values[i] = seconds{100 * (static_cast<int>(i) + 1)};
    for (const test t : all_tests) {
        for (const int beyond : {-100, -1, 0, 1, 2, 1'000'000}) {
            CAPTURE(to_string(t), beyond);
            client_record record;
            record.expires_at.values.fill(now + seconds{50});
            record.expires_at[t] = now + longest[t] + seconds{beyond};
            auto want = record;
            if (beyond > 0) want.expires_at[t] = client_record::never_passed;
            CHECK((without_impossible(record, longest, now) == want));
        }
    }
    client_record extreme;
    extreme.expires_at.values = {client_record::never_passed, client_record::was_disabled,
                                 now - std::chrono::days{10}, instant::max(), instant::max()};
    const auto left = without_impossible(extreme, longest, now);
    CHECK((left.expires_at[test::pregreet] == client_record::never_passed));
    CHECK((left.expires_at[test::dnsbl] == client_record::was_disabled));
    CHECK((left.expires_at[test::pipelining] == now - std::chrono::days{10}));
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

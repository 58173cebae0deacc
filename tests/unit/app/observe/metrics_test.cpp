// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/observe/metrics.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace fendmail;
using namespace fendmail::app;

namespace {

const endpoint client{ip_address::v4({192, 0, 2, 1}), 12345};

/// The value of a counter or gauge whose labels are all of these, in this order; -1 = there is
/// none.
double value(const metrics& of, std::string_view name, const std::vector<std::string>& labels = {})
{
    metric_families all;
    of.collect(all);
    const auto family = std::ranges::find(all, name, &prometheus::MetricFamily::name);
    if (family == all.end()) return -1;
    for (const auto& one : family->metric) {
        std::vector<std::string> found;
        for (const auto& label : one.label)
            found.push_back(label.value);
        if (found == labels)
            return family->type == prometheus::MetricType::Counter ? one.counter.value
                                                                   : one.gauge.value;
    }
    return -1;
}

} // namespace

TEST_CASE("metrics: a failed test counts by its action", "[app]")
{
    metrics counted;
    counted.on(event::pregreeted{client, 4, milliseconds{10}, "EHLO", screen::action::ignore});
    counted.on(event::pregreeted{client, 4, milliseconds{10}, "EHLO", screen::action::ignore});
    counted.on(event::dnsbl_scored{client, 4, "zen.example", screen::action::drop});
    counted.on(event::protocol_fault{client, screen::test::bare_newline, "", "x",
                                     screen::action::enforce});
    const auto failures = [&](const char* test, const char* action) {
        return value(counted, "fendmail_test_failures_total", {test, action});
    };
    CHECK(failures("pregreet", "ignore") == 2);
    CHECK(failures("pregreet", "enforce") == 0);
    CHECK(failures("dnsbl", "drop") == 1);
    CHECK(failures("bare_newline", "enforce") == 1);
}

TEST_CASE("metrics: each verdict and each limit has its own number", "[app]")
{
    metrics counted;
    for (int i = 0; i <= static_cast<int>(event::verdict::left); ++i) {
        event::session_ended end;
        end.verdict = static_cast<event::verdict>(i);
        for (int n = 0; n <= i; ++n)
            counted.on(end);
        const auto name = to_string(end.verdict);
        CHECK(value(counted, "fendmail_sessions_total", {std::string{name}}) == i + 1);
    }
    for (int i = 0; i <= static_cast<int>(event::connect_refusal::network_asked_too_much); ++i) {
        const auto why = static_cast<event::connect_refusal>(i);
        for (int n = 0; n <= i; ++n)
            counted.on(event::connect_refused{client, why});
        CHECK(value(counted, "fendmail_connections_refused_total", {std::string{to_string(why)}}) ==
              i + 1);
    }
}

TEST_CASE("metrics: a span is in the first bucket that it does not exceed", "[app]")
{
    CHECK(bucket_of(0) == 0);
    for (std::size_t i = 0; i < span_buckets.size(); ++i) {
        CHECK(bucket_of(span_buckets[i]) == i);
        CHECK(bucket_of(span_buckets[i] + 1) == i + 1);
    }
    CHECK(bucket_of(UINT64_MAX) == bucket_count - 1);
    metrics counted;
    event::session_ended end;
    end.verdict = event::verdict::rejected;
    for (const int ms : {-1, 7, 999'999}) {
        end.screening = milliseconds{ms};
        counted.on(end);
    }
    metric_families all;
    counted.collect(all);
    const auto waits =
        std::ranges::find(all, "fendmail_wait_seconds", &prometheus::MetricFamily::name);
    REQUIRE(waits != all.end());
    const auto rejected = std::ranges::find_if(
        waits->metric, [](const auto& one) { return one.label.front().value == "rejected"; });
    REQUIRE(rejected != waits->metric.end());
    const auto& histogram = rejected->histogram;
    CHECK(histogram.sample_count == 3);
    CHECK(histogram.sample_sum == Approx(1000.006));
    CHECK(histogram.bucket[0].cumulative_count == 1);
    CHECK(histogram.bucket[2].cumulative_count == 2);
    CHECK(histogram.bucket.back().cumulative_count == 2);
}

TEST_CASE("metrics: store and reloads say how they are now", "[app]")
{
    metrics counted;
    CHECK(value(counted, "fendmail_store_up") == 1);
    counted.on(event::store_unavailable{"disk full"});
    CHECK(value(counted, "fendmail_store_up") == 0);
    counted.on(event::store_restored{"/x"});
    CHECK(value(counted, "fendmail_store_up") == 1);
    counted.on(event::reload_rejected{"t.toml:1: error"});
    CHECK(value(counted, "fendmail_config_last_reload_successful") == 0);
    counted.on(event::reloaded{"t.toml"});
    CHECK(value(counted, "fendmail_config_last_reload_successful") == 1);
    CHECK(value(counted, "fendmail_config_last_reload_success_timestamp_seconds") > 1.7e9);
}

TEST_CASE("metrics: threads count side by side and nothing is lost", "[app]")
{
    constexpr std::size_t rounds = 5'000;
    metrics counted;
    std::vector<std::thread> threads;
    for (int i = 0; i < 20; ++i) // more than there are sets
        threads.emplace_back([&counted] {
            for (std::size_t n = 0; n < rounds; ++n)
                counted.on(event::connected{client, client});
        });
    for (auto& one : threads)
        one.join();
    CHECK(value(counted, "fendmail_connections_total") == 20.0 * rounds);
}

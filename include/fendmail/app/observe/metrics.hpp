// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/observe/sharded_counters.hpp"
#include "fendmail/core/abuse/ban_rules.hpp"
#include "fendmail/core/abuse/offender.hpp"
#include "fendmail/core/abuse/rates.hpp"
#include "fendmail/core/event/event.hpp"
#include "fendmail/core/screen/connect.hpp"
#include "fendmail/core/screen/test.hpp"
#include "fendmail/core/screen/verdict.hpp"
#include "fendmail/core/smtp/early_speech.hpp"
#include "fendmail/core/span_buckets.hpp"
#include "fendmail/core/time.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <prometheus/metric_family.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What Prometheus is told, made of events: a sink that counts.
///
/// Source: Prometheus, "metric and label naming" and "exposition formats".
/// Units: seconds and counts, as the names say. Labels have words of ours and names of the
/// configuration, never text of a client.
/// Memory: some kilobytes for each set of counters, whatever clients do.
/// Errors: none.
/// Threads: on() from any thread, without a lock; collect() from any.
namespace fendmail::app {

using metric_families = std::vector<prometheus::MetricFamily>;
using metric_labels = std::vector<std::pair<std::string_view, std::string_view>>;

/// In the order of their values, as all counts of them are.
inline constexpr std::array all_verdicts{
    screen::verdict::allowlisted, screen::verdict::pass_old, screen::verdict::pass_new,
    screen::verdict::passed,      screen::verdict::rejected, screen::verdict::dropped,
    screen::verdict::deferred,    screen::verdict::left,
};
inline constexpr std::array all_actions{screen::action::ignore, screen::action::enforce,
                                        screen::action::drop};
inline constexpr std::array all_refusals{
    screen::connect_refusal::too_many_connections,
    screen::connect_refusal::all_screening_ports_busy,
    screen::connect_refusal::all_server_ports_busy,
    screen::connect_refusal::network_asked_too_much,
};

inline constexpr std::array all_ban_origins{abuse::ban_origin::offences, abuse::ban_origin::network,
                                            abuse::ban_origin::admin};

/// A family without a value yet.
[[nodiscard]] prometheus::MetricFamily metric_family(std::string_view name, std::string_view help,
                                                     prometheus::MetricType type);
/// One value of a counter or gauge.
void add_value(prometheus::MetricFamily& to, double value, const metric_labels& labels = {});
/// A family that has one value.
void add_family(metric_families& to, std::string_view name, std::string_view help,
                prometheus::MetricType type, double value, const metric_labels& labels = {});

/// @param counts of each bucket, not cumulative
/// @param sum_ms of all spans
void add_histogram(prometheus::MetricFamily& to,
                   const std::array<std::uint64_t, bucket_count>& counts, std::uint64_t sum_ms,
                   const metric_labels& labels = {});

class metrics final : public event_sink {
public:
    void on(const any_event& what) noexcept override;
    void collect(metric_families& to) const;

    static constexpr std::size_t rate_action_count = abuse::all_rate_actions.size();
    static constexpr std::size_t verdict_count = all_verdicts.size();
    static constexpr std::size_t action_count = all_actions.size();
    static constexpr std::size_t refusal_count = all_refusals.size();

    /// What has been counted since the start, for readers other than Prometheus.
    struct totals {
        std::uint64_t connections = 0;
        std::array<std::uint64_t, verdict_count> verdicts{};
        std::array<std::uint64_t, refusal_count> refusals{};
        std::array<std::array<std::uint64_t, action_count>, screen::test_count> failures{};
        std::uint64_t dns_retries = 0;
        bool is_store_up = true;
        bool was_reloaded = true;
        instant loaded_at{};
    };
    [[nodiscard]] totals sums() const;

private:
    /// Places of the counters.
    enum plain : std::size_t {
        connections,
        known_senders,
        known_recipients,
        octets_in,
        octets_out,
        plaintext_injected,
        tls_failed,
        relays_stopped,
        proxy_refused,
        dns_retries,
        internal_errors,
        bans_paused,
        suspects_deferred,
        suspects_returned,
        plain_count,
    };
    static constexpr std::size_t verdicts_at = plain_count;
    static constexpr std::size_t tests_at = verdicts_at + verdict_count;
    static constexpr std::size_t refusals_at = tests_at + screen::test_count * action_count;
    static constexpr std::size_t waits_at = refusals_at + refusal_count;
    /// A histogram is its buckets and its sum.
    static constexpr std::size_t histogram_size = bucket_count + 1;
    static constexpr std::size_t hand_off_at = waits_at + verdict_count * histogram_size;
    static constexpr std::size_t late_wait_at = hand_off_at + histogram_size;
    static constexpr std::size_t rates_at = late_wait_at + histogram_size;
    static constexpr std::size_t bans_at = rates_at + abuse::rate_count * rate_action_count;
    static constexpr std::size_t banned_at = bans_at + all_ban_origins.size();
    static constexpr std::size_t withheld_at = banned_at + abuse::all_ban_actions.size();
    static constexpr std::size_t spoke_at = withheld_at + abuse::all_ban_guards.size() + 1;
    static constexpr std::size_t size = spoke_at + smtp::all_speeches.size();

    struct counter;

    void on_session(const event::session_ended& what) noexcept;
    void note_span(std::size_t at, milliseconds span) noexcept;
    void add_histogram_at(prometheus::MetricFamily& to, std::size_t at,
                          const metric_labels& labels) const;
    void collect_sessions(metric_families& to) const;
    void collect_tests(metric_families& to) const;
    void collect_abuse(metric_families& to) const;
    void collect_trouble(metric_families& to) const;

    sharded_counters<size> counters_;
    std::atomic<bool> is_store_up_{true};
    std::atomic<bool> was_reloaded_{true};
    std::atomic<std::int64_t> reloaded_at_{0}; ///< seconds since 1970
};

} // namespace fendmail::app

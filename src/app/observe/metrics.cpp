// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/observe/metrics.hpp"

#include "fendmail/io/os/clock.hpp"

#include <variant>

namespace fendmail::app {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

namespace {

constexpr double in_seconds(std::uint64_t ms) noexcept
{
    return static_cast<double>(ms) / 1000.0;
}

std::uint64_t count_of(milliseconds span) noexcept
{
    return span.count() < 0 ? 0 : static_cast<std::uint64_t>(span.count());
}

ClientMetric with_labels(const metric_labels& labels)
{
    ClientMetric one;
    for (const auto& [name, value] : labels)
        one.label.push_back({std::string{name}, std::string{value}});
    return one;
}

} // namespace

MetricFamily metric_family(std::string_view name, std::string_view help, MetricType type)
{
    return {std::string{name}, std::string{help}, type, {}};
}

void add_value(MetricFamily& to, double value, const metric_labels& labels)
{
    auto one = with_labels(labels);
    if (to.type == MetricType::Counter)
        one.counter.value = value;
    else
        one.gauge.value = value;
    to.metric.push_back(std::move(one));
}

void add_family(metric_families& to, std::string_view name, std::string_view help, MetricType type,
                double value, const metric_labels& labels)
{
    add_value(to.emplace_back(metric_family(name, help, type)), value, labels);
}

void add_histogram(MetricFamily& to, const std::array<std::uint64_t, bucket_count>& counts,
                   std::uint64_t sum_ms, const metric_labels& labels)
{
    auto one = with_labels(labels);
    std::uint64_t so_far = 0;
    for (std::size_t i = 0; i < span_buckets.size(); ++i) {
        so_far += counts[i];
        one.histogram.bucket.push_back({so_far, in_seconds(span_buckets[i])});
    }
    one.histogram.sample_count = so_far + counts.back();
    one.histogram.sample_sum = in_seconds(sum_ms);
    to.metric.push_back(std::move(one));
}

/// What each event adds; those without a row add nothing.
struct metrics::counter {
    metrics& to;

    void operator()(const event::connected&) const noexcept { to.counters_.add(connections); }
    void operator()(const event::known_sender&) const noexcept { to.counters_.add(known_senders); }
    void operator()(const event::known_recipient&) const noexcept
    {
        to.counters_.add(known_recipients);
    }
    void operator()(const event::connect_refused& e) const noexcept
    {
        to.counters_.add(refusals_at + static_cast<std::size_t>(e.why));
    }
    void operator()(const event::pregreeted& e) const noexcept
    {
        failed(screen::test::pregreet, e.action);
        to.counters_.add(spoke_at + static_cast<std::size_t>(e.spoke));
    }
    void operator()(const event::rate_exceeded& e) const noexcept
    {
        to.counters_.add(rates_at + static_cast<std::size_t>(e.rate) * rate_action_count +
                         static_cast<std::size_t>(e.action));
    }
    void operator()(const event::client_banned& e) const noexcept
    {
        // Without `none`, which no ban has.
        to.counters_.add(bans_at + static_cast<std::size_t>(e.origin) - 1);
    }
    void operator()(const event::banned_client& e) const noexcept
    {
        to.counters_.add(banned_at + static_cast<std::size_t>(e.action));
    }
    void operator()(const event::ban_withheld& e) const noexcept
    {
        to.counters_.add(withheld_at + static_cast<std::size_t>(e.guard));
    }
    void operator()(const event::bans_paused&) const noexcept { to.counters_.add(bans_paused); }
    void operator()(const event::suspect_deferred&) const noexcept
    {
        to.counters_.add(suspects_deferred);
    }
    void operator()(const event::suspect_returned&) const noexcept
    {
        to.counters_.add(suspects_returned);
    }
    void operator()(const event::dnsbl_scored& e) const noexcept
    {
        failed(screen::test::dnsbl, e.action);
    }
    void operator()(const event::protocol_fault& e) const noexcept { failed(e.test, e.action); }
    void operator()(const event::session_ended& e) const noexcept { to.on_session(e); }
    void operator()(const event::plaintext_injected&) const noexcept
    {
        to.counters_.add(plaintext_injected);
    }
    void operator()(const event::tls_failed&) const noexcept { to.counters_.add(tls_failed); }
    void operator()(const event::relay_stopped&) const noexcept
    {
        to.counters_.add(relays_stopped);
    }
    void operator()(const event::proxy_header_refused& e) const noexcept
    {
        to.counters_.add(proxy_refused, e.suppressed + 1);
    }
    void operator()(const event::store_unavailable&) const noexcept { to.is_store_up_ = false; }
    void operator()(const event::store_restored&) const noexcept { to.is_store_up_ = true; }
    void operator()(const event::started&) const noexcept { loaded(); }
    void operator()(const event::reloaded&) const noexcept { loaded(); }
    void operator()(const event::reload_rejected&) const noexcept { to.was_reloaded_ = false; }
    void operator()(const event::internal_error&) const noexcept
    {
        to.counters_.add(internal_errors);
    }
    template <class Other>
    void operator()(const Other&) const noexcept
    {
    }

private:
    void failed(screen::test which, screen::action action) const noexcept
    {
        to.counters_.add(tests_at + static_cast<std::size_t>(which) * action_count +
                         static_cast<std::size_t>(action));
    }
    void loaded() const noexcept
    {
        to.was_reloaded_ = true;
        to.reloaded_at_ = static_cast<std::int64_t>(io::wall_now().time_since_epoch().count());
    }
};

void metrics::on(const any_event& what) noexcept
{
    std::visit(counter{*this}, what);
}

void metrics::note_span(std::size_t at, milliseconds span) noexcept
{
    const auto ms = count_of(span);
    counters_.add(at + bucket_of(ms));
    counters_.add(at + bucket_count, ms);
}

void metrics::on_session(const event::session_ended& what) noexcept
{
    const auto verdict = static_cast<std::size_t>(what.verdict);
    counters_.add(verdicts_at + verdict);
    note_span(waits_at + verdict * histogram_size, what.screening);
    if (what.hand_off.count() > 0) note_span(hand_off_at, what.hand_off);
    if (what.late_wait.count() > 0) note_span(late_wait_at, what.late_wait);
    counters_.add(octets_in, what.octets_in);
    counters_.add(octets_out, what.octets_out);
    counters_.add(dns_retries, what.dnsbl_retries);
}

void metrics::add_histogram_at(MetricFamily& to, std::size_t at, const metric_labels& labels) const
{
    std::array<std::uint64_t, bucket_count> counts{};
    for (std::size_t i = 0; i < bucket_count; ++i)
        counts[i] = counters_.sum(at + i);
    add_histogram(to, counts, counters_.sum(at + bucket_count), labels);
}

void metrics::collect_sessions(metric_families& to) const
{
    const auto sum = [&](std::size_t at) { return static_cast<double>(counters_.sum(at)); };
    add_family(to, "fendmail_connections_total", "Clients that connected.", MetricType::Counter,
               sum(connections));
    auto& ended = to.emplace_back(
        metric_family("fendmail_sessions_total",
                      "Sessions that ended, by what became of the client.", MetricType::Counter));
    for (const auto v : all_verdicts)
        add_value(ended, sum(verdicts_at + static_cast<std::size_t>(v)),
                  {{"verdict", to_string(v)}});
    auto& waits = to.emplace_back(metric_family(
        "fendmail_wait_seconds", "From accept to the verdict, by verdict.", MetricType::Histogram));
    for (const auto v : all_verdicts)
        add_histogram_at(waits, waits_at + static_cast<std::size_t>(v) * histogram_size,
                         {{"verdict", to_string(v)}});
    auto& hand_off = to.emplace_back(
        metric_family("fendmail_hand_off_seconds",
                      "From the verdict until the backend had greeted or taken the client.",
                      MetricType::Histogram));
    add_histogram_at(hand_off, hand_off_at, {});
    auto& late = to.emplace_back(
        metric_family("fendmail_late_lists_wait_seconds",
                      "What clients waited for lists beyond the greet wait, if they did.",
                      MetricType::Histogram));
    add_histogram_at(late, late_wait_at, {});
    auto& octets = to.emplace_back(metric_family("fendmail_relayed_bytes_total",
                                                 "Relayed between clients and the backend.",
                                                 MetricType::Counter));
    add_value(octets, sum(octets_in), {{"direction", "to_backend"}});
    add_value(octets, sum(octets_out), {{"direction", "to_client"}});
}

void metrics::collect_tests(metric_families& to) const
{
    const auto sum = [&](std::size_t at) { return static_cast<double>(counters_.sum(at)); };
    auto& failed = to.emplace_back(
        metric_family("fendmail_test_failures_total",
                      "Tests that clients failed; with the action ignore nothing came of it.",
                      MetricType::Counter));
    for (const auto t : screen::all_tests)
        for (const auto a : all_actions)
            add_value(failed,
                      sum(tests_at + static_cast<std::size_t>(t) * action_count +
                          static_cast<std::size_t>(a)),
                      {{"test", to_string(t)}, {"action", to_string(a)}});
    auto& refused = to.emplace_back(metric_family(
        "fendmail_connections_refused_total",
        "Clients that were told to come again because of a limit.", MetricType::Counter));
    for (const auto why : all_refusals)
        add_value(refused, sum(refusals_at + static_cast<std::size_t>(why)),
                  {{"limit", to_string(why)}});
    add_family(to, "fendmail_known_senders_total",
               "Clients that the SPF record of a known sender names.", MetricType::Counter,
               sum(known_senders));
    add_family(to, "fendmail_known_recipient_clients_total",
               "Clients that are hosts that take our mail.", MetricType::Counter,
               sum(known_recipients));
}

void metrics::collect_abuse(metric_families& to) const
{
    const auto sum = [&](std::size_t at, auto which) {
        return static_cast<double>(counters_.sum(at + static_cast<std::size_t>(which)));
    };
    const auto family = [&](std::string_view name, std::string_view help) -> auto& {
        return to.emplace_back(metric_family(name, help, MetricType::Counter));
    };
    auto& rates = family("fendmail_rates_exceeded_total",
                         "What clients did faster than [rates] allows, and what came of it.");
    for (const auto which : abuse::all_rates)
        for (const auto a : abuse::all_rate_actions)
            add_value(rates, sum(rates_at + static_cast<std::size_t>(which) * rate_action_count, a),
                      {{"rate", to_string(which)}, {"action", to_string(a)}});
    auto& bans = family("fendmail_bans_total", "Bans that began, by what brought them about.");
    for (std::size_t i = 0; i < all_ban_origins.size(); ++i)
        add_value(bans, sum(bans_at, i), {{"origin", to_string(all_ban_origins[i])}});
    auto& met = family("fendmail_banned_clients_total",
                       "Connections of clients that are banned, and what came of it.");
    for (const auto a : abuse::all_ban_actions)
        add_value(met, sum(banned_at, a), {{"action", to_string(a)}});
    auto& withheld = family("fendmail_bans_withheld_total",
                            "Clients with the points for a ban that are not banned, and why.");
    for (const auto g : abuse::all_ban_guards)
        add_value(withheld, sum(withheld_at, g), {{"guard", to_string(g)}});
    auto& spoke = family("fendmail_pregreet_total",
                         "Clients that spoke before their turn, by what they spoke.");
    for (const auto s : smtp::all_speeches)
        add_value(spoke, sum(spoke_at, s), {{"protocol", to_string(s)}});
    add_family(to, "fendmail_bans_paused_total",
               "How often new bans were so many that none was made.", MetricType::Counter,
               sum(bans_paused, 0));
    add_family(to, "fendmail_suspects_deferred_total",
               "Connections of suspects that were asked to come back.", MetricType::Counter,
               sum(suspects_deferred, 0));
    add_family(to, "fendmail_suspects_returned_total",
               "Networks of suspects that have come back and pass from then on.",
               MetricType::Counter, sum(suspects_returned, 0));
}

void metrics::collect_trouble(metric_families& to) const
{
    const auto sum = [&](std::size_t at) { return static_cast<double>(counters_.sum(at)); };
    const auto total = [&](std::string_view name, std::string_view help, std::size_t at) {
        add_family(to, name, help, MetricType::Counter, sum(at));
    };
    total("fendmail_dns_retries_total",
          "Questions to lists that were asked again, of clients that ended.", dns_retries);
    total("fendmail_plaintext_injections_total",
          "Clients that sent commands in plain text behind STARTTLS.", plaintext_injected);
    total("fendmail_tls_failures_total", "Sessions that TLS ended.", tls_failed);
    total("fendmail_relays_stopped_total", "Relayed sessions that the guard of the data stopped.",
          relays_stopped);
    total("fendmail_proxy_headers_refused_total",
          "Connections of balancers without a PROXY header that can be used.", proxy_refused);
    total("fendmail_internal_errors_total", "Steps that an exception of ours ended.",
          internal_errors);
    add_family(to, "fendmail_store_up", "Whether the client store can be read and written.",
               MetricType::Gauge, is_store_up_ ? 1 : 0);
    add_family(to, "fendmail_config_last_reload_successful",
               "Whether the last configuration that was loaded could be used.", MetricType::Gauge,
               was_reloaded_ ? 1 : 0);
    add_family(to, "fendmail_config_last_reload_success_timestamp_seconds",
               "When the configuration in use was loaded.", MetricType::Gauge,
               static_cast<double>(reloaded_at_.load()));
}

metrics::totals metrics::sums() const
{
    totals all;
    all.connections = counters_.sum(connections);
    all.dns_retries = counters_.sum(dns_retries);
    for (std::size_t i = 0; i < verdict_count; ++i)
        all.verdicts[i] = counters_.sum(verdicts_at + i);
    for (std::size_t i = 0; i < refusal_count; ++i)
        all.refusals[i] = counters_.sum(refusals_at + i);
    for (std::size_t t = 0; t < screen::test_count; ++t)
        for (std::size_t a = 0; a < action_count; ++a)
            all.failures[t][a] = counters_.sum(tests_at + t * action_count + a);
    all.is_store_up = is_store_up_;
    all.was_reloaded = was_reloaded_;
    all.loaded_at = instant{seconds{reloaded_at_.load()}};
    return all;
}

void metrics::collect(metric_families& to) const
{
    add_family(to, "fendmail_build_info", "1, with the version of the program.", MetricType::Gauge,
               1, {{"version", FENDMAIL_VERSION}});
    collect_sessions(to);
    collect_tests(to);
    collect_abuse(to);
    collect_trouble(to);
}

} // namespace fendmail::app

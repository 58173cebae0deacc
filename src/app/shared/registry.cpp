// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/shared/registry.hpp"

#include <algorithm>
#include <chrono>

namespace fendmail::app {

namespace {

/// For the backends of clients that are here, at most an eighth of all.
constexpr std::size_t descriptors_for_backends = 1024;

} // namespace

std::uint64_t id_before_first(milliseconds since_1970) noexcept
{
    constexpr milliseconds of_2020 =
        std::chrono::sys_days{std::chrono::January / 1 / 2020}.time_since_epoch();
    constexpr std::uint64_t ids_in_a_millisecond = 1000;
    const auto since_2020 = std::max(since_1970 - of_2020, milliseconds{0});
    return static_cast<std::uint64_t>(since_2020.count()) * ids_in_a_millisecond;
}

process_counters::process_counters(std::size_t limit) noexcept
    : descriptors_max{limit}
{
    keep_back(64); // until they have been counted
}

void process_counters::keep_back(std::size_t own) noexcept
{
    const auto all = descriptors_max - std::min(own, descriptors_max / 2);
    descriptors_for_all = all;
    descriptors_for_clients = all - std::min(descriptors_for_backends, all / 8);
}

registry::admission::admission(registry& where, const screen::client_key& client,
                               io::stream_group& streams, std::size_t screening_limit)
    : registry_{&where}
    , client_{&*where.of_client_.try_emplace(client.net(), 0).first}
    , streams_{&streams}
    , screening_limit_{screening_limit}
    , id_{where.counters_->last_id.fetch_add(1) + 1}
{
    ++client_->second;
    where.counters_->descriptors.fetch_add(1);
    where.live_.push_back(*this);
    where.counters_->sessions.fetch_add(1);
    where.watch_stress(where.counters_->screening.fetch_add(1) + 1, screening_limit_);
}

registry::admission::~admission()
{
    leave_screening();
    registry_->live_.erase(registry_->live_.iterator_to(*this));
    registry_->counters_->sessions.fetch_sub(1);
    registry_->counters_->descriptors.fetch_sub(1);
    if (--client_->second == 0) {
        const auto client = client_->first; // the entry must not be asked for by itself
        registry_->of_client_.erase(client);
    }
    registry_->tell_if_empty();
}

void registry::admission::leave_screening() noexcept
{
    if (!screening_) return;
    screening_ = false;
    registry_->watch_stress(registry_->counters_->screening.fetch_sub(1) - 1, screening_limit_);
}

registry::arrival::arrival(registry& where, io::stream& connection)
    : registry_{&where}
    , connection_{&connection}
    , descriptor_{where.counters_->descriptors}
{
    arrival_.emplace(where.counters_->arrivals);
    where.arrivals_.push_back(*this);
}

registry::arrival::~arrival()
{
    registry_->arrivals_.erase(registry_->arrivals_.iterator_to(*this));
    registry_->tell_if_empty();
}

void registry::watch_stress(std::size_t screening, std::size_t limit) noexcept
{
    if (limit == 0) return;
    const bool stressed = counters_->stress.load();
    const bool enter = !stressed && screening * 10 >= limit * 9;
    const bool leave = stressed && screening * 10 <= limit * 7;
    if (!enter && !leave) return;
    // Several workers may see the line crossed at once; only one of them says so.
    if (counters_->stress.exchange(enter) != enter)
        events_->on(event::stress_changed{enter, screening});
}

void registry::turn_away() noexcept
{
    turns_away_ = true;
    for (arrival& a : arrivals_)
        a.connection_->wake();
}

void registry::dismiss() noexcept
{
    dismisses_ = true;
    for (admission& t : live_) {
        switch (t.at_stop_) {
        case at_stop::wake: t.streams_->wake_all(); break;
        case at_stop::close: t.streams_->close_all(); break;
        case at_stop::stay: break;
        }
    }
}

void registry::drain(std::function<void()> when_empty)
{
    when_empty_ = std::move(when_empty);
    tell_if_empty();
}

void registry::tell_if_empty()
{
    if (is_empty() && when_empty_) when_empty_();
}

void registry::kill_all() noexcept
{
    for (admission& t : live_)
        t.streams_->close_all();
    for (arrival& a : arrivals_)
        a.connection_->close();
}

} // namespace fendmail::app

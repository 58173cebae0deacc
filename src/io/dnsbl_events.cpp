// SPDX-License-Identifier: Apache-2.0
#include "dnsbl_events.hpp"

#include "fendmail/core/limits.hpp"

#include <chrono>
#include <fmt/format.h>

namespace fendmail::io {
namespace {

constexpr std::chrono::seconds quiet_time{10};

/// Zones of configurations long gone must not pile up from reload to reload.
constexpr std::size_t zones_max = 4 * limits::dnsbl_zones;

} // namespace

std::optional<std::size_t> dnsbl_events::admit(told_by_zone& zones, std::string_view zone, tick now)
{
    const auto found = zones.find(zone);
    if (found == zones.end()) {
        if (zones.size() >= zones_max) zones.clear();
        zones.emplace(zone, told{now});
        return 0;
    }
    auto& last = found->second;
    if (now - last.at < quiet_time) {
        ++last.held_back;
        return std::nullopt;
    }
    const auto held_back = last.held_back;
    last = told{now};
    return held_back;
}

void dnsbl_events::answered(const ip_address& client, std::string_view zone,
                            const ip_address& answer, dnsbl::answer_kind kind, tick now)
{
    if (kind == dnsbl::answer_kind::listing) {
        events_->on(event::dnsbl_listed{client, zone, answer});
        return;
    }
    const auto held_back = admit(ignored_, zone, now);
    if (!held_back) return;
    const bool error_code = kind == dnsbl::answer_kind::error_code;
    events_->on(event::dnsbl_answer_ignored{client, zone, answer, error_code});
    if (*held_back > 0)
        events_->on(event::notice{
            fmt::format("{} more answers of {} were ignored before this one", *held_back, zone)});
}

void dnsbl_events::failed(const ip_address& client, std::string_view zone, std::string_view reason,
                          tick now)
{
    const auto held_back = admit(failed_, zone, now);
    if (!held_back) return;
    if (*held_back == 0)
        events_->on(event::dnsbl_failed{client, zone, reason});
    else
        events_->on(
            event::dnsbl_failed{client, zone, fmt::format("{} (and {} more)", reason, *held_back)});
}

} // namespace fendmail::io

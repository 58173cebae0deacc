// SPDX-License-Identifier: Apache-2.0
#include "events.hpp"

#include "fendmail/core/limits.hpp"

#include <chrono>
#include <fmt/format.h>

namespace fendmail::io {
namespace {

constexpr std::chrono::seconds quiet_time{10};

/// Zones of configurations long gone must not pile up from reload to reload.
constexpr std::size_t zones_max = 4 * limits::dnsbl_zones;

} // namespace

std::optional<std::size_t> dnsbl_events::on_occurrence(limit_by_zone& zones, std::string_view zone,
                                                       tick now)
{
    auto found = zones.find(zone);
    if (found == zones.end()) {
        if (zones.size() >= zones_max) zones.clear();
        found = zones.emplace(zone, quiet_time).first;
    }
    return found->second.on_occurrence(now);
}

void dnsbl_events::answered(const ip_address& client, std::string_view zone,
                            const ip_address& answer, dnsbl::answer_kind kind, tick now)
{
    if (kind == dnsbl::answer_kind::listing) {
        events_->on(event::dnsbl_listed{client, zone, answer});
        return;
    }
    const auto suppressed = on_occurrence(ignored_, zone, now);
    if (!suppressed) return;
    const bool error_code = kind == dnsbl::answer_kind::error_code;
    events_->on(event::dnsbl_answer_ignored{client, zone, answer, error_code});
    if (*suppressed > 0)
        events_->on(event::notice{
            fmt::format("{} more answers of {} were ignored before this one", *suppressed, zone)});
}

void dnsbl_events::failed(const ip_address& client, std::string_view zone, std::string_view reason,
                          tick now)
{
    const auto suppressed = on_occurrence(failed_, zone, now);
    if (!suppressed) return;
    if (*suppressed == 0)
        events_->on(event::dnsbl_failed{client, zone, reason});
    else
        events_->on(event::dnsbl_failed{client, zone,
                                        fmt::format("{} (and {} more)", reason, *suppressed)});
}

} // namespace fendmail::io

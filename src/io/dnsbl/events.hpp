// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/dnsbl/answer_rules.hpp"
#include "fendmail/core/event/event.hpp"
#include "fendmail/core/throttle/report_limit.hpp"
#include "fendmail/core/time.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

/// Tells the event sink what zones said, and keeps broken ones from flooding it.
///
/// Units: of each kind of trouble and zone one event in ten seconds.
/// Memory: a few words for each zone in trouble.
/// Threads: one worker owns it.
namespace fendmail::io {

class dnsbl_events {
public:
    explicit dnsbl_events(event_sink& events) noexcept
        : events_{&events}
    {
    }

    /// One address that a zone answered; listings are always told.
    void answered(const ip_address& client, std::string_view zone, const ip_address& answer,
                  dnsbl::answer_kind kind, tick now);
    void failed(const ip_address& client, std::string_view zone, std::string_view reason, tick now);

    void tell(std::string_view text) { events_->on(event::caution{text}); }

private:
    using limit_by_zone = std::map<std::string, report_limit, std::less<>>;

    /// As report_limit::on_occurrence().
    [[nodiscard]] static std::optional<std::size_t> on_occurrence(limit_by_zone& zones,
                                                                  std::string_view zone, tick now);

    event_sink* events_;
    limit_by_zone ignored_;
    limit_by_zone failed_;
};

} // namespace fendmail::io

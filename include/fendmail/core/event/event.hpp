// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/event/backend_events.hpp"
#include "fendmail/core/event/balancer_events.hpp"
#include "fendmail/core/event/ban_events.hpp"
#include "fendmail/core/event/base.hpp"
#include "fendmail/core/event/client_events.hpp"
#include "fendmail/core/event/dialog_events.hpp"
#include "fendmail/core/event/dns_events.hpp"
#include "fendmail/core/event/feed_events.hpp"
#include "fendmail/core/event/grey_events.hpp"
#include "fendmail/core/event/process_events.hpp"
#include "fendmail/core/event/recipient_events.hpp"
#include "fendmail/core/event/sender_events.hpp"
#include "fendmail/core/event/session_events.hpp"
#include "fendmail/core/event/store_events.hpp"

/// Everything that happens and is worth telling: a closed list, one struct each. Log lines and
/// metrics are made from these and from nothing else, so they cannot disagree.
///
/// Units: octets and counts as named; durations in milliseconds; TTLs in seconds.
/// Memory: views, no copies. An event lives only as long as the call of `event_sink::on`.
/// Client text is raw here; the renderers escape and cut it, and nothing else does.
/// Errors: none.
/// Threads: values.
namespace fendmail {

using any_event =
    event::joined<event::client_events, event::dialog_events, event::session_events,
                  event::balancer_events, event::ban_events, event::grey_events, event::dns_events,
                  event::sender_events, event::recipient_events, event::feed_events,
                  event::backend_events, event::store_events, event::process_events>::type;

/// Where events go. Called from any thread; must not block or throw.
class event_sink {
public:
    event_sink() = default;
    event_sink(const event_sink&) = delete;
    event_sink& operator=(const event_sink&) = delete;
    virtual ~event_sink() = default;
    virtual void on(const any_event& what) noexcept = 0;
};

} // namespace fendmail

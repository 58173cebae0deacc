// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/event/base.hpp"

#include <cstddef>
#include <string_view>

/// Connections of a balancer in front.
namespace fendmail::event {

/// A connection of a trusted balancer did not begin with a header that names the client.
struct proxy_header_refused {
    static constexpr description about{"proxy_header_refused", level::warning};

    endpoint balancer;
    endpoint local;
    std::string_view reason;
    std::string_view text;      ///< what it sent instead, its beginning
    std::size_t suppressed = 0; ///< others since the last such event, which may come in floods

    void fields(auto& out) const
    {
        out.where("balancer", "balancer_port", balancer);
        out.where("local", "local_port", local);
        out.own_text("reason", reason);
        out.client_text("text", text);
        out.number("suppressed", suppressed);
    }
    void phrase(auto& out) const
    {
        out.say("haproxy read: {}", to_text(balancer));
        if (suppressed != 0) out.say(" (and {} others before it)", suppressed);
        out.say(": ");
        out.own(reason);
        if (text.empty()) return;
        out.say(": ");
        out.client_text(text);
    }
};

using balancer_events = family<proxy_header_refused>;

} // namespace fendmail::event

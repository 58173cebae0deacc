// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/event/base.hpp"

#include <string_view>

/// Known recipients: the logs that tell which hosts take our mail.
namespace fendmail::event {

/// It is read from now on.
struct recipient_log_followed {
    static constexpr description about{"recipient_log_followed"};

    std::string_view file;

    void fields(auto& out) const { out.own_text("file", file); }
    void phrase(auto& out) const
    {
        out.say("known recipients: following ");
        out.own(file);
    }
};

/// It is tried again.
struct recipient_log_unreadable {
    static constexpr description about{"recipient_log_unreadable", level::warning};

    std::string_view file;
    std::string_view reason;

    void fields(auto& out) const
    {
        out.own_text("file", file);
        out.own_text("reason", reason);
    }
    void phrase(auto& out) const
    {
        out.say("known recipients: cannot follow ");
        out.own(file);
        out.say(": ");
        out.own(reason);
        out.say("; tried again until it can be, the hosts that are known stay");
    }
};

using recipient_events = family<recipient_log_followed, recipient_log_unreadable>;

} // namespace fendmail::event

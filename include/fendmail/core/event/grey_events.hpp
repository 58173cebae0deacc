// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/event/ban_events.hpp"
#include "fendmail/core/event/base.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/core/units.hpp"

/// Suspects: clients that lists know, but not well enough to refuse them.
namespace fendmail::event {

/// It is asked to come back: every recipient gets a 450.
struct suspect_deferred : of_client {
    static constexpr description about{"suspect_deferred"};

    int score = 0;
    network who{}; ///< that is asked: the client's network
    seconds wait{0};

    void fields(auto& out) const
    {
        of_client::fields(out);
        out.number("score", score);
        out.word("network", name_of(who));
        out.number("wait_seconds", wait.count());
    }
    void phrase(auto& out) const
    {
        out.say("GREY {} has a score of {}: {} is asked to come back in {}", to_text(client), score,
                name_of(who), age_text(wait));
    }
};

/// It has come back, and is a client as any other for a time.
struct suspect_returned : of_client {
    static constexpr description about{"suspect_returned"};

    int score = 0;
    network who{};
    seconds after{0};

    void fields(auto& out) const
    {
        of_client::fields(out);
        out.number("score", score);
        out.word("network", name_of(who));
        out.number("after_seconds", after.count());
    }
    void phrase(auto& out) const
    {
        out.say("GREY PASS {} with a score of {}: {} has come back after {}", to_text(client),
                score, name_of(who), age_text(after));
    }
};

using grey_events = family<suspect_deferred, suspect_returned>;

} // namespace fendmail::event

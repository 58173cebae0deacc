// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/event/base.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/core/units.hpp"

#include <cstddef>
#include <string_view>

/// Known senders: the networks in the SPF records of domains.
namespace fendmail::event {

/// The networks of a domain as they were kept.
struct sender_loaded {
    static constexpr description about{"sender_loaded"};

    std::string_view domain;
    std::size_t networks = 0;
    seconds age{0};

    void fields(auto& out) const
    {
        out.own_text("domain", domain);
        out.number("networks", networks);
        out.number("age_seconds", age.count());
    }
    void phrase(auto& out) const
    {
        out.say("known sender ");
        out.own(domain);
        out.say(": {} networks, {} old", networks, age_text(age));
    }
};

/// What the SPF record of a domain says now.
struct sender_refreshed {
    static constexpr description about{"sender_refreshed"};

    std::string_view domain;
    std::size_t networks = 0;
    bool changed = false;

    void fields(auto& out) const
    {
        out.own_text("domain", domain);
        out.number("networks", networks);
        out.flag("changed", changed);
    }
    void phrase(auto& out) const
    {
        out.say("known sender ");
        out.own(domain);
        out.say(": {} networks, refreshed, {}", networks, changed ? "changed" : "unchanged");
    }
};

/// The networks of the last time stay.
struct sender_not_refreshed {
    static constexpr description about{"sender_not_refreshed", level::warning};

    std::string_view domain;
    std::string_view reason;
    std::size_t networks = 0;
    seconds age{0};

    void fields(auto& out) const
    {
        out.own_text("domain", domain);
        out.own_text("reason", reason);
        out.number("networks", networks);
        out.number("age_seconds", age.count());
    }
    void phrase(auto& out) const
    {
        out.say("known sender ");
        out.own(domain);
        out.say(" not refreshed: ");
        out.own(reason);
        if (networks == 0)
            out.say("; it has no networks");
        else
            out.say("; its {} networks, {} old, stay in use", networks, age_text(age));
    }
};

/// A part of the record is left out.
struct sender_partial {
    static constexpr description about{"sender_partial", level::warning};

    std::string_view domain;
    std::string_view notes;

    void fields(auto& out) const
    {
        out.own_text("domain", domain);
        out.own_text("notes", notes);
    }
    void phrase(auto& out) const
    {
        out.say("known sender ");
        out.own(domain);
        out.say(": a part of its SPF record is not used: ");
        out.own(notes);
    }
};

/// Older than `known_senders.max_age`.
struct sender_outdated {
    static constexpr description about{"sender_outdated", level::warning};

    std::string_view domain;
    std::size_t networks = 0;
    seconds age{0};

    void fields(auto& out) const
    {
        out.own_text("domain", domain);
        out.number("networks", networks);
        out.number("age_seconds", age.count());
    }
    void phrase(auto& out) const
    {
        out.say("known sender ");
        out.own(domain);
        out.say(": its {} networks are {} old and stay in use: check why its SPF record cannot be "
                "had, or take it out of known_senders.spf",
                networks, age_text(age));
    }
};

using sender_events =
    family<sender_loaded, sender_refreshed, sender_not_refreshed, sender_partial, sender_outdated>;

} // namespace fendmail::event

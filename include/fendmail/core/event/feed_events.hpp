// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/event/base.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/core/units.hpp"

#include <cstddef>
#include <string_view>

/// Feeds: networks from files that something renews.
namespace fendmail::event {

/// Its file is in use.
struct feed_loaded {
    static constexpr description about{"feed_loaded"};

    std::string_view feed;
    std::size_t entries = 0;
    std::size_t left_out = 0; ///< of these
    seconds age{0};

    void fields(auto& out) const
    {
        out.own_text("feed", feed);
        out.number("entries", entries);
        out.number("left_out", left_out);
        out.number("age_seconds", age.count());
    }
    void phrase(auto& out) const
    {
        out.say("feed ");
        out.own(feed);
        out.say(": {} entries, {} left out, {} old", entries, left_out, age_text(age));
    }
};

/// Its file is not what it should be. What was there before stays in use.
struct feed_rejected {
    static constexpr description about{"feed_rejected", level::warning};

    std::string_view feed;
    std::string_view file;
    std::string_view reason;
    std::size_t entries = 0; ///< that stay in use
    seconds age{0};          ///< of those

    void fields(auto& out) const
    {
        out.own_text("feed", feed);
        out.own_text("file", file);
        out.own_text("reason", reason);
        out.number("entries", entries);
        out.number("age_seconds", age.count());
    }
    void phrase(auto& out) const
    {
        out.say("feed ");
        out.own(feed);
        out.say(": ");
        out.own(file);
        out.say(" is refused: ");
        out.own(reason);
        if (entries == 0)
            out.say("; it has no entries");
        else
            out.say("; its {} entries, {} old, stay in use", entries, age_text(age));
    }
};

/// Entries of it are left out, told when they change.
struct feed_trimmed {
    static constexpr description about{"feed_trimmed", level::warning};

    std::string_view feed;
    std::string_view reason; ///< one word
    std::string_view words;  ///< the same, behind "networks"
    std::size_t count = 0;
    std::string_view example;

    void fields(auto& out) const
    {
        out.own_text("feed", feed);
        out.word("reason", reason);
        out.number("count", count);
        out.word("example", example);
    }
    void phrase(auto& out) const
    {
        out.say("feed ");
        out.own(feed);
        out.say(": {} entries are left out, which {}: {}", count, words, example);
        if (count > 1) out.say(" and others");
    }
};

/// Older than its `max_age`.
struct feed_outdated {
    static constexpr description about{"feed_outdated", level::warning};

    std::string_view feed;
    std::size_t entries = 0;
    seconds age{0};

    void fields(auto& out) const
    {
        out.own_text("feed", feed);
        out.number("entries", entries);
        out.number("age_seconds", age.count());
    }
    void phrase(auto& out) const
    {
        out.say("feed ");
        out.own(feed);
        out.say(": its {} entries are {} old and stay in use: check why its file is not renewed",
                entries, age_text(age));
    }
};

using feed_events = family<feed_loaded, feed_rejected, feed_trimmed, feed_outdated>;

} // namespace fendmail::event

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/event/base.hpp"
#include "fendmail/core/time.hpp"

#include <cstddef>
#include <string_view>

/// The client store.
namespace fendmail::event {

/// Told when it begins, and now and then while it lasts.
struct store_unavailable {
    static constexpr description about{"store_unavailable", level::warning};

    std::string_view reason;
    std::size_t failures = 1; ///< since it began
    seconds after{0};         ///< since it began

    void fields(auto& out) const
    {
        out.own_text("reason", reason);
        out.number("failures", failures);
        out.number("after_seconds", after.count());
    }
    void phrase(auto& out) const
    {
        out.say("client store unavailable: ");
        out.own(reason);
        if (after != seconds{0}) out.say("; for {} s now, tried {} times", after.count(), failures);
        out.say("; until it works, clients that pass are remembered in memory: check its file and "
                "disk");
    }
};

struct store_restored {
    static constexpr description about{"store_restored"};

    std::string_view path;
    seconds after{0};
    std::size_t records = 0; ///< that waited in memory and go to the file now

    void fields(auto& out) const
    {
        out.own_text("path", path);
        out.number("after_seconds", after.count());
        out.number("records", records);
    }
    void phrase(auto& out) const
    {
        out.say("client store ");
        out.own(path);
        out.say(" works again after {} s; {} record{} waited in memory for it", after.count(),
                records, records == 1 ? "" : "s");
    }
};

struct store_moved_aside {
    static constexpr description about{"store_moved_aside", level::warning};

    std::string_view path;
    std::string_view to;
    std::string_view reason;

    void fields(auto& out) const
    {
        out.own_text("path", path);
        out.own_text("to", to);
        out.own_text("reason", reason);
    }
    void phrase(auto& out) const
    {
        out.say("client store ");
        out.own(path);
        out.say(" is unusable (");
        out.own(reason);
        out.say("): moved to ");
        out.own(to);
        out.say(" and started empty; delete that file when nobody needs it");
    }
};

struct store_swept {
    static constexpr description about{"store_swept"};

    std::size_t retained = 0;
    std::size_t dropped = 0;

    void fields(auto& out) const
    {
        out.number("retained", retained);
        out.number("dropped", dropped);
    }
    void phrase(auto& out) const
    {
        out.say("cache clients full cleanup: retained={} dropped={} entries", retained, dropped);
    }
};

using store_events = family<store_unavailable, store_restored, store_moved_aside, store_swept>;

} // namespace fendmail::event

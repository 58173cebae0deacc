// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/event/base.hpp"
#include "fendmail/core/time.hpp"

#include <cstddef>
#include <string_view>

/// The process as a whole, its configuration and its log.
namespace fendmail::event {

struct started {
    static constexpr description about{"started"};

    std::string_view version;
    std::string_view config;

    void fields(auto& out) const
    {
        out.own_text("version", version);
        out.own_text("config", config);
    }
    void phrase(auto& out) const
    {
        out.say("started version ");
        out.own(version);
        out.say(" with configuration ");
        out.own(config);
    }
};

struct listening {
    static constexpr description about{"listening"};

    std::string_view address;
    unsigned workers = 0;

    void fields(auto& out) const
    {
        out.own_text("address", address);
        out.number("workers", workers);
    }
    void phrase(auto& out) const
    {
        out.say("listening on ");
        out.own(address);
        out.say(" with {} worker{}", workers, workers == 1 ? "" : "s");
    }
};

struct privileges_dropped {
    static constexpr description about{"privileges_dropped"};

    std::string_view user;

    void fields(auto& out) const { out.own_text("user", user); }
    void phrase(auto& out) const
    {
        out.say("privileges dropped, running as user ");
        out.own(user);
    }
};

struct accept_failed {
    static constexpr description about{"accept_failed", level::warning};

    std::string_view reason;

    void fields(auto& out) const { out.own_text("reason", reason); }
    void phrase(auto& out) const
    {
        out.say("cannot accept connections: ");
        out.own(reason);
        out.say("; new clients wait: if this lasts, raise the limit of open files (LimitNOFILE)");
    }
};

struct stress_changed {
    static constexpr description about{"stress_changed"};

    bool entered = false;
    std::size_t sessions = 0;

    void fields(auto& out) const
    {
        out.flag("entered", entered);
        out.number("sessions", sessions);
    }
    void phrase(auto& out) const
    {
        out.say("{} STRESS mode with {} connections", entered ? "entering" : "leaving", sessions);
    }
};

struct reloaded {
    static constexpr description about{"reloaded"};

    std::string_view config;

    void fields(auto& out) const { out.own_text("config", config); }
    void phrase(auto& out) const
    {
        out.say("reloaded configuration ");
        out.own(config);
    }
};

struct reload_rejected {
    static constexpr description about{"reload_rejected", level::error};

    std::string_view errors;

    void fields(auto& out) const { out.own_text("errors", errors); }
    void phrase(auto& out) const
    {
        out.say("configuration not reloaded, the old one stays in use: ");
        out.own(errors);
    }
};

/// A part of a reload that needs a restart.
struct reload_incomplete {
    static constexpr description about{"reload_incomplete", level::warning};

    std::string_view keys;

    void fields(auto& out) const { out.own_text("keys", keys); }
    void phrase(auto& out) const
    {
        out.say("restart needed before these changes take effect: ");
        out.own(keys);
    }
};

struct stopping {
    static constexpr description about{"stopping"};

    std::size_t sessions = 0;
    seconds deadline{0};

    void fields(auto& out) const
    {
        out.number("sessions", sessions);
        out.number("deadline_seconds", deadline.count());
    }
    void phrase(auto& out) const
    {
        out.say("stopping: {} session{} may finish within {} s", sessions, sessions == 1 ? "" : "s",
                deadline.count());
    }
};

struct stopped {
    static constexpr description about{"stopped"};

    std::size_t sessions_cut = 0;

    void fields(auto& out) const { out.number("sessions_cut", sessions_cut); }
    void phrase(auto& out) const
    {
        out.say("stopped, {} session{} cut off", sessions_cut, sessions_cut == 1 ? "" : "s");
    }
};

/// What is logged meanwhile goes to stderr.
struct log_unavailable {
    static constexpr description about{"log_unavailable", level::warning};

    std::string_view target;
    std::string_view reason;

    void fields(auto& out) const
    {
        out.own_text("target", target);
        out.own_text("reason", reason);
    }
    void phrase(auto& out) const
    {
        out.say("cannot write the log to ");
        out.own(target);
        out.say(": ");
        out.own(reason);
        out.say("; until that works, it goes to stderr");
    }
};

struct log_restored {
    static constexpr description about{"log_restored"};

    std::string_view target;
    seconds after{0};

    void fields(auto& out) const
    {
        out.own_text("target", target);
        out.number("after_seconds", after.count());
    }
    void phrase(auto& out) const
    {
        out.say("the log goes to ");
        out.own(target);
        out.say(" again after {} s", after.count());
    }
};

struct log_lines_lost {
    static constexpr description about{"log_lines_lost", level::warning};

    std::size_t lines = 0;
    std::string_view since; ///< RFC 3339; no line before it is missing …
    std::string_view until; ///< … and none behind it
    std::string_view reason;

    void fields(auto& out) const
    {
        out.number("lines", lines);
        out.word("since", since);
        out.word("until", until);
        out.own_text("reason", reason);
    }
    void phrase(auto& out) const
    {
        out.say("{} log line{} lost between {} and {}: ", lines, lines == 1 ? "" : "s", since,
                until);
        out.own(reason);
    }
};

/// Worth knowing, nothing to do.
struct notice {
    static constexpr description about{"notice"};

    std::string_view text;

    void fields(auto& out) const { out.own_text("text", text); }
    void phrase(auto& out) const { out.own(text); }
};

/// An admin should look at it.
struct caution {
    static constexpr description about{"caution", level::warning};

    std::string_view text;

    void fields(auto& out) const { out.own_text("text", text); }
    void phrase(auto& out) const { out.own(text); }
};

/// Our own bug.
struct internal_error {
    static constexpr description about{"internal_error", level::error};

    std::string_view text;

    void fields(auto& out) const { out.own_text("text", text); }
    void phrase(auto& out) const
    {
        out.say("internal error: ");
        out.own(text);
        out.say("; please report it");
    }
};

using process_events =
    family<started, listening, privileges_dropped, accept_failed, stress_changed, reloaded,
           reload_rejected, reload_incomplete, stopping, stopped, log_unavailable, log_restored,
           log_lines_lost, notice, caution, internal_error>;

} // namespace fendmail::event

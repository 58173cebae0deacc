// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/event/base.hpp"
#include "fendmail/core/time.hpp"

#include <cstddef>
#include <string_view>

/// The backend.
namespace fendmail::event {

/// Told when it begins, and now and then while it lasts.
struct backend_unavailable : of_client {
    static constexpr description about{"backend_unavailable", level::warning};

    std::string_view backend;
    std::string_view reason;
    std::size_t clients = 1; ///< that could not be handed over since it began
    seconds after{0};        ///< since it began

    void fields(auto& out) const
    {
        of_client::fields(out);
        out.own_text("backend", backend);
        out.own_text("reason", reason);
        out.number("clients", clients);
        out.number("after_seconds", after.count());
    }
    void phrase(auto& out) const
    {
        out.say("backend ");
        out.own(backend);
        out.say(" unavailable for {}: ", to_text(client));
        out.own(reason);
        if (after == seconds{0}) return;
        out.say("; for {} s now, {} client{} could not be handed over", after.count(), clients,
                clients == 1 ? "" : "s");
    }
};

struct backend_restored {
    static constexpr description about{"backend_restored"};

    std::string_view backend;
    seconds after{0};
    std::size_t clients = 0; ///< that could not be handed over meanwhile

    void fields(auto& out) const
    {
        out.own_text("backend", backend);
        out.number("after_seconds", after.count());
        out.number("clients", clients);
    }
    void phrase(auto& out) const
    {
        out.say("backend ");
        out.own(backend);
        out.say(" takes clients again after {} s; {} client{} could not be handed over meanwhile",
                after.count(), clients, clients == 1 ? "" : "s");
    }
};

/// There is proof that it does not take the addresses of clients: none goes there until it does.
struct backend_suspended {
    static constexpr description about{"backend_suspended", level::warning};

    std::string_view backend;
    std::string_view reason;
    std::string_view advice;

    void fields(auto& out) const
    {
        out.own_text("backend", backend);
        out.own_text("reason", reason);
        out.own_text("advice", advice);
    }
    void phrase(auto& out) const
    {
        out.say("backend ");
        out.own(backend);
        out.say(" suspended: it does not take the address of the client: ");
        out.own(reason);
        out.say("; clients are told to come again until it does: ");
        out.own(advice);
    }
};

struct backend_proven {
    static constexpr description about{"backend_proven"};

    std::string_view backend;
    seconds after{0};
    std::size_t clients = 0; ///< that were told to come again

    void fields(auto& out) const
    {
        out.own_text("backend", backend);
        out.number("after_seconds", after.count());
        out.number("clients", clients);
    }
    void phrase(auto& out) const
    {
        out.say("backend ");
        out.own(backend);
        out.say(" is in use again after {} s: it takes the address of the client; {} clients were "
                "told to come again meanwhile",
                after.count(), clients);
    }
};

using backend_events =
    family<backend_unavailable, backend_restored, backend_suspended, backend_proven>;

} // namespace fendmail::event

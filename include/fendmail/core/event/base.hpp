// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"

#include <cstdint>
#include <string_view>
#include <variant>

/// What all events are made of.
///
/// An event is a struct that stands with all that is known of it in the header of its family
/// (`client_events.hpp`, `dns_events.hpp`, …): its data, and
///  - `about`: its name and level;
///  - `fields(out)`: its data for machines, one call of event::field_writer for each field;
///  - `phrase(out)`: its line in postscreen's format, by event::phrase_writer.
/// Both are templates, so that only the renderers compile them. docs/log-events.md has a row for
/// each, which tests/lint/log_events.py compares with `about` and `fields`.
///
/// Memory: views, no copies; see event.hpp.
/// Errors: none.
/// Threads: values.
namespace fendmail::event {

enum class level : std::uint8_t { debug, info, warning, error };

struct description {
    std::string_view name; ///< that of the struct
    event::level level = level::info;
    /// Postfix's postscreen leaves some lines to helpers, and log analysers know them by the
    /// program that writes them: "dnsblog" or "tlsproxy"; "" = postscreen's own, or of no program
    /// of Postfix.
    std::string_view program{};
};

/// The events of one header.
template <class... Events>
struct family {};

/// A variant of all events of some families.
template <class... Families>
struct joined;
template <class... Events>
struct joined<family<Events...>> {
    using type = std::variant<Events...>;
};
template <class... Some, class... More, class... Others>
struct joined<family<Some...>, family<More...>, Others...>
    : joined<family<Some..., More...>, Others...> {};

/// What the events of one client have in common. The session fills in its number (app/session).
struct of_client {
    std::uint64_t session = 0; ///< counts up, and no other process has it; 0 = of no session
    endpoint client;

    of_client() = default;
    /// Implicit, so that an event is made like any struct whose first member is the client.
    of_client(const endpoint& from, std::uint64_t in_session = 0) noexcept // NOLINT(*-explicit-*)
        : session{in_session}
        , client{from}
    {
    }
    void fields(auto& out) const
    {
        out.number("session", session);
        out.where("client", "client_port", client);
    }
};

} // namespace fendmail::event

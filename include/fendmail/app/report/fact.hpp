// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/report/log_parser.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/core/screen/verdict.hpp"
#include "fendmail/core/time.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

/// What a report is made of: of each event what counts, the same whatever the format of the log.
///
/// Memory: views into the entry.
/// Errors: an entry that lacks what its event must have is `damaged_entry`.
/// Threads: values.
namespace fendmail::app {

struct connection_fact {
    friend bool operator==(const connection_fact&, const connection_fact&) = default;
};

struct session_fact {
    ip_address client;
    screen::verdict verdict = screen::verdict::left;
    std::string_view reasons; ///< comma separated
    std::string_view lists;   ///< "zen.example:127.0.0.2*3,…"
    bool is_complete = true;  ///< all lists have answered in time
    milliseconds screening{0};
    milliseconds late_wait{0};
    milliseconds total{0};
    std::uint64_t octets_in = 0;
    std::uint64_t octets_out = 0;

    friend bool operator==(const session_fact&, const session_fact&) = default;
};

enum class trouble : std::uint8_t {
    backend,         ///< takes no clients
    identity,        ///< does not take the addresses of clients
    list,            ///< suspended
    resolver,        ///< answers nothing
    resolver_trust,  ///< answers for names that do not exist
    resolver_losses, ///< loses much
    store,
    log,
    stress,
};
inline constexpr std::size_t trouble_count = 9;
/// "backend", "list", …: what has the trouble.
[[nodiscard]] std::string_view to_string(trouble t) noexcept;
/// "unavailable", "suspended", …
[[nodiscard]] std::string_view state_of(trouble t) noexcept;

/// Begins, goes on, or ends.
struct trouble_fact {
    trouble kind = trouble::backend;
    bool is_over = false;
    std::string_view name; ///< of the backend, list or resolver; "" = there is only one
    std::string_view reason;
    seconds since{0};        ///< that it began
    std::size_t clients = 0; ///< that met it, where that is known

    friend bool operator==(const trouble_fact&, const trouble_fact&) = default;
};

/// A list gave no answer about one client, or one that does not count.
struct list_miss_fact {
    std::string_view zone;
    friend bool operator==(const list_miss_fact&, const list_miss_fact&) = default;
};

enum class change : std::uint8_t { started, stopped, reloaded, reload_rejected, restart_needed };
[[nodiscard]] std::string_view to_string(change c) noexcept;

struct change_fact {
    change kind = change::started;
    std::string_view text;
    friend bool operator==(const change_fact&, const change_fact&) = default;
};

enum class incident : std::uint8_t {
    accept_failed,
    lines_lost,
    store_moved_aside,
    proxy_refused,
    sender_outdated,
    feed_rejected,
    feed_outdated,
    internal_error,
};
inline constexpr std::size_t incident_count = 8;
[[nodiscard]] std::string_view to_string(incident i) noexcept;

struct incident_fact {
    incident kind = incident::accept_failed;
    std::uint64_t count = 1;
    std::string_view text;
    friend bool operator==(const incident_fact&, const incident_fact&) = default;
};

struct damaged_entry {
    friend bool operator==(const damaged_entry&, const damaged_entry&) = default;
};

using fact = std::variant<std::monostate, damaged_entry, connection_fact, session_fact,
                          trouble_fact, list_miss_fact, change_fact, incident_fact>;

/// @return std::monostate for an event that no report uses
[[nodiscard]] fact fact_of(const log_entry& entry);

inline constexpr std::array report_verdicts{
    screen::verdict::allowlisted, screen::verdict::pass_old, screen::verdict::pass_new,
    screen::verdict::passed,      screen::verdict::rejected, screen::verdict::dropped,
    screen::verdict::deferred,    screen::verdict::left,
};
/// Handed to the backend.
[[nodiscard]] bool is_good(screen::verdict v) noexcept;
/// Turned away for good.
[[nodiscard]] bool is_refused(screen::verdict v) noexcept;

} // namespace fendmail::app

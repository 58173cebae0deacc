// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/dnsbl/scoreboard.hpp"
#include "fendmail/core/event/event.hpp"
#include "fendmail/core/time.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

/// What the summary of a session (event::session_ended) says besides its course. Gathered while
/// the session runs; the event has views of it.
namespace fendmail::app {

/// Of its score. Says nothing until there is one.
struct score_summary {
    void note(const dnsbl::score& found) noexcept;
    void write_to(event::session_ended& summary) const noexcept;
    /// Whether a list of negative weight names the client.
    [[nodiscard]] bool is_allowed_by_list() const noexcept;

    std::shared_ptr<const std::string> listings; ///< of lists, of which it is made; null for none
    int value = 0;
    unsigned retries = 0;
    bool is_complete = true;
    bool is_private = false; ///< and lists were not asked therefore
    /// No list could be asked, because its network has had too many lookups: it is to come again.
    bool is_withheld = false;
};

/// Of what came behind its wait. A client that only waits, as most do at any time, has none.
struct outcome {
    void add_reason(std::string_view why);
    void write_to(event::session_ended& summary) const noexcept;

    milliseconds late_wait{0};
    milliseconds hand_off_time{0};
    std::uint64_t octets_in = 0;
    std::uint64_t octets_out = 0;
    std::string_view backend; ///< its name, of the session's snapshot
    std::string reasons;
    std::string_view trouble; ///< a reason of the backend's
    std::string reply;
    std::string helo;
};

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/dnsbl/client_name.hpp"
#include "fendmail/core/dnsbl/scoreboard.hpp"
#include "fendmail/core/screen/test.hpp"
#include "fendmail/core/time.hpp"

#include <cstdint>
#include <string_view>

/// How clients are screened: which tests run, what their failure leads to, how long a pass lasts.
/// Filled by the configuration; the defaults here are the documented ones.
namespace fendmail::screen {

/// What a known sender or recipient is spared: every test, or the deep ones.
enum class exemption : std::uint8_t { all, deep };
[[nodiscard]] std::string_view to_string(exemption e) noexcept;

/// What becomes of a client when its greet wait ends before lists that could still refuse it have
/// answered: it waits for them, or is handed on with the score that is there.
enum class late_lists : std::uint8_t { wait, pass };
[[nodiscard]] std::string_view to_string(late_lists l) noexcept;

struct policy {
    by_test<test_policy> tests = default_policies();
    action access_action = action::enforce; ///< for clients that an access list rejects
    exemption known_senders = exemption::all;
    exemption known_recipients = exemption::deep;
    seconds greet_wait{6};
    seconds greet_wait_under_stress{2};
    int dnsbl_threshold = 1;       ///< a score at or above it fails the client
    int dnsbl_allow_threshold = 0; ///< below 0: a score at or below it passes all other tests
    int grey_threshold = 0;        ///< from this score on a client is a suspect; 0 = none is
    late_lists late = late_lists::wait;
    dnsbl::name_weights names{}; ///< what the client's names add to the score
    seconds dnsbl_min_ttl{60};
    seconds dnsbl_max_ttl{3600};

    [[nodiscard]] seconds wait(bool stress) const noexcept
    {
        return stress ? greet_wait_under_stress : greet_wait;
    }
    [[nodiscard]] dnsbl::score_limits score_limits() const noexcept
    {
        return {dnsbl_threshold, dnsbl_allow_threshold};
    }
    /// How long a deep test whose failure is ignored counts as passed: the shortest of all.
    [[nodiscard]] seconds shortest_ttl() const noexcept;
    /// How far ahead a pass of each test can end: its TTL; where a score can let clients off, also
    /// what the answers of lists may last, since that is how long they are let off.
    [[nodiscard]] by_test<seconds> longest_passes() const noexcept;
};

} // namespace fendmail::screen

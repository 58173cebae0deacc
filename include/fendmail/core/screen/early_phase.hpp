// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/dnsbl/scoreboard.hpp"
#include "fendmail/core/screen/plan.hpp"
#include "fendmail/core/screen/policy.hpp"

#include <cstdint>
#include <optional>

/// The tests before the final 220 line, side by side: whether a client speaks too early, and what
/// the DNSBLs say. Evidence in, step out; waiting is the shell's.
///
/// Source: postscreen's early tests; RFC 5321 §4.3.1 (a client waits for the greeting).
/// Memory: a few words.
/// Errors: none.
/// Threads: one phase belongs to one session.
///
/// The phase ends at once when a test fails whose action is drop, when the score refuses or allows
/// the client whatever else may come, and when nothing is left to learn; otherwise when the greet
/// wait has elapsed.
///
/// Unless lists that have not answered by then could still make the score refuse the client
/// (late_lists::wait): then it stays until they cannot, or the time for lists is up too. A wave of
/// bots makes lists late, and would otherwise let itself through. Its greet wait is over all the
/// same: what it says from then on is no pregreet. A client whose fate a listing would not make
/// worse does not stay. Lists that have not answered in the end count as 0: trouble with DNS
/// refuses no client.
///
/// A listed client with action enforce does not wait any longer: whether it also speaks too early
/// could only change the reply, not the outcome, and holding its place costs us more than it.
/// What is lost is the line PREGREET of a client that is refused anyway. Where pregreet drops and
/// the lists only enforce, the wait goes on, since it can still end worse.
namespace fendmail::screen {

enum class early_step : std::uint8_t {
    keep_waiting,
    drop_client, ///< refuse with 521 and close
    run_dialog,  ///< a failed test is enforced
    hand_off,    ///< nothing speaks against the client
};

enum class early_status : std::uint8_t {
    not_wanted, ///< the plan does not ask for it
    pending,
    passed,
    excused, ///< not finished, and no longer needed: the score decides by itself
    failed,
};

class early_phase {
public:
    /// @param rules must outlive the phase
    early_phase(const policy& rules, const plan& what) noexcept;

    /// What a test found by itself: pregreet fails when octets arrive before our last 220 line.
    /// @pre not dnsbl, which has a score
    [[nodiscard]] early_step on_result(test t, bool has_passed) noexcept;
    /// Every list has answered or failed.
    [[nodiscard]] early_step on_score(const dnsbl::score& score) noexcept;
    /// Some list has answered, others have not.
    /// @param bounds what the score can still become
    [[nodiscard]] early_step on_partial_score(const dnsbl::score& so_far,
                                              const dnsbl::score_bounds& bounds) noexcept;
    /// The client has been silent for long enough.
    /// @param so_far what the lists said until now
    /// @param bounds what the score can still become
    [[nodiscard]] early_step on_greet_wait_elapsed(const dnsbl::score& so_far,
                                                   const dnsbl::score_bounds& bounds) noexcept;
    /// The lists have had all the time that they get.
    /// @pre the greet wait has elapsed
    [[nodiscard]] early_step on_lists_overdue(const dnsbl::score& so_far) noexcept;

    /// True while the session should watch whether the client speaks.
    [[nodiscard]] bool listens() const noexcept
    {
        return status(test::pregreet) == early_status::pending;
    }
    /// True while the client waits for nothing but lists, beyond its greet wait.
    [[nodiscard]] bool waits_for_late_lists() const noexcept
    {
        return has_elapsed_ && status(test::dnsbl) == early_status::pending;
    }
    [[nodiscard]] early_status status(test t) const noexcept { return status_[t]; }
    [[nodiscard]] bool has_failed() const noexcept { return is_any(early_status::failed); }
    /// True when the score ended the phase by itself: all other tests count as passed.
    [[nodiscard]] bool allowed_by_score() const noexcept { return allowed_; }
    /// The score the phase went by; value 0 before there is one.
    [[nodiscard]] const dnsbl::score& score() const noexcept { return score_; }
    /// How long a DNSBL pass is good for: the TTL of the answers within the configured bounds,
    /// the lower bound when some list did not answer.
    [[nodiscard]] seconds dnsbl_ttl() const noexcept;

private:
    [[nodiscard]] early_step decide() const noexcept;
    /// Whether lists that have not answered can make it end worse for the client.
    [[nodiscard]] bool may_be_refused(const dnsbl::score_bounds& bounds) const noexcept;
    /// Whether they can make a suspect of it.
    [[nodiscard]] bool may_be_suspect(const dnsbl::score_bounds& bounds) const noexcept;
    void judge_score(const dnsbl::score& score) noexcept;
    [[nodiscard]] bool is_any(early_status what) const noexcept;
    /// Whether a test that is not finished could end worse than with `a`.
    [[nodiscard]] bool may_end_worse(action a) const noexcept;
    /// The score decides by itself.
    void excuse_others() noexcept;
    void note(action a) noexcept;

    const policy* rules_;
    by_test<early_status> status_{};
    dnsbl::score score_{};
    action worst_ = action::ignore;
    bool allowed_ = false;
    bool has_elapsed_ = false;
};

} // namespace fendmail::screen

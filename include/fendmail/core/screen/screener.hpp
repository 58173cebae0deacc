// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/acl/access_list.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/core/dnsbl/scoreboard.hpp"
#include "fendmail/core/screen/client_record.hpp"
#include "fendmail/core/screen/deep_phase.hpp"
#include "fendmail/core/screen/early_phase.hpp"
#include "fendmail/core/screen/plan.hpp"
#include "fendmail/core/screen/policy.hpp"
#include "fendmail/core/screen/verdict.hpp"
#include "fendmail/core/smtp/reply.hpp"
#include "fendmail/core/time.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

/// The whole course of one client: evidence in, step out. The shell looks things up, waits and
/// talks; what they mean is decided here and nowhere else.
///
/// Source: postscreen's order of checks: access list, record, MX policy, early tests, dialog.
/// Units: wall time for what is remembered; octets of text.
/// Memory: a few words and the reply of a refusal.
/// Errors: none.
/// Threads: one screener belongs to one session.
///
/// Call on_access(), on_known_sender() or on_known_recipient() first; after `look_up_record`
/// on_record() and maybe on_veto(); after `run_early_tests` feed on_result(), on_partial_score(),
/// on_score() and on_greet_wait_elapsed(), and if that says to wait on_lists_overdue(), until the
/// step is another one. For `run_dialog` call begin_dialog(), and feed on_fault() and
/// on_recipient(). At the end, before record_to_store(), on_latest_record() takes in what other
/// sessions of the client have added meanwhile.
namespace fendmail::screen {

enum class step : std::uint8_t {
    look_up_record,
    run_early_tests,
    keep_waiting,
    drop,       ///< send refusal() and close
    run_dialog, ///< every recipient gets refusal(), or 450 when there is none
    hand_off,
    defer, ///< 421: its network has had all lookups of lists, and nothing was found against it
};

class screener {
public:
    /// @param rules must outlive the screener
    /// @param client the address that replies name
    screener(const policy& rules, const ip_address& client) noexcept
        : rules_{&rules}
        , client_{client}
    {
    }

    [[nodiscard]] step on_access(const std::optional<acl::match>& found);
    /// Instead of on_access(), when no rule matches and the client's address is a known sender's.
    [[nodiscard]] step on_known_sender() noexcept;
    /// The client is banned, and that is enforced: it takes no test, and every recipient is
    /// refused.
    /// @param text of the reply
    [[nodiscard]] step on_ban(std::string_view text);
    /// Likewise, when the client is a host that takes our mail.
    [[nodiscard]] step on_known_recipient() noexcept;
    [[nodiscard]] step on_record(const std::optional<client_record>& known, instant now);
    /// The address that the client connected to does not let it earn a pass (postscreen's
    /// MX policy): it takes all tests, and is told to come back.
    [[nodiscard]] step on_veto() noexcept;
    /// What an early test found by itself, see early_phase::on_result().
    [[nodiscard]] step on_result(test t, bool has_passed);
    [[nodiscard]] step on_score(const dnsbl::score& score);
    [[nodiscard]] step on_partial_score(const dnsbl::score& so_far,
                                        const dnsbl::score_bounds& bounds);
    [[nodiscard]] step on_greet_wait_elapsed(const dnsbl::score& so_far,
                                             const dnsbl::score_bounds& bounds);
    /// After keep_waiting of on_greet_wait_elapsed(): lists have no more time.
    [[nodiscard]] step on_lists_overdue(const dnsbl::score& so_far);

    /// Whether a veto can change this step.
    [[nodiscard]] static bool can_be_vetoed(step what) noexcept;
    /// What is done in the end, when the tests before the dialog have led to `what`.
    /// @param is_withheld no list could be asked, see dnsbl::score
    [[nodiscard]] step last_step(step what, bool is_withheld) const noexcept;

    /// Whether its score is enough to ask it to come back, and not enough to refuse it.
    /// @param what the last step otherwise
    [[nodiscard]] bool is_suspect(step what) const noexcept;
    /// It is asked to: every recipient is told so.
    [[nodiscard]] step on_suspect(seconds wait) noexcept;
    /// Whether nothing speaks against the client, so that it may go on to the backend once it has
    /// passed its deep tests.
    [[nodiscard]] bool may_go_on() const noexcept { return !refusal_ && !vetoed_ && !come_back_; }
    /// When a suspect is to come back.
    [[nodiscard]] std::optional<seconds> come_back() const noexcept { return come_back_; }
    /// @return what to look for in the dialog
    [[nodiscard]] smtp::fault_rules begin_dialog() noexcept;
    /// @pre begin_dialog() was called
    void on_fault(smtp::fault what);
    /// What lists and names say together: that of the early tests, and the HELO name's.
    [[nodiscard]] int total_score() const noexcept;
    /// Whether the HELO name made the score reach the threshold.
    [[nodiscard]] bool is_failed_by_helo() const noexcept { return failed_by_helo_; }
    void on_recipient() noexcept;

    /// False once the client is rejected: its record is not asked, it must take every test.
    [[nodiscard]] bool may_use_record() const noexcept { return !refusal_; }

    [[nodiscard]] const plan& tests_to_run() const noexcept { return plan_; }
    /// Whether the client's record says that it passed this test once, however long ago.
    [[nodiscard]] bool has_passed(test t) const noexcept
    {
        return known_ && known_->expires_at[t] > client_record::was_disabled;
    }
    /// Whether it passed any test once.
    [[nodiscard]] bool has_passed_any() const noexcept;
    /// Of a client without early tests one that wants nothing and knows nothing.
    [[nodiscard]] const early_phase& early() const noexcept;

    /// Whether the client failed the pregreet test and that is held against it.
    [[nodiscard]] bool spoke_too_early() const noexcept;

    /// The 5xx reply of the test that decided; the last one that is enforced wins. Null = none.
    [[nodiscard]] const smtp::reply* refusal() const noexcept { return refusal_.get(); }
    /// Whether that is the reply to the score.
    [[nodiscard]] bool is_refused_by_score() const noexcept { return refused_by_score_; }
    /// Says it in other words.
    /// @param enhanced "" = as it is
    /// @pre is_refused_by_score()
    void word_refusal(std::string_view enhanced, std::string text);
    [[nodiscard]] way_in how() const noexcept { return how_; }
    /// What the store says of the client at the end of its tests.
    void on_latest_record(const std::optional<client_record>& latest) noexcept;
    /// Whether the client was never seen to pass some test that is on.
    [[nodiscard]] bool is_new_client() const noexcept;
    /// Whether the client passed, in our dialog, all tests that it had to take.
    [[nodiscard]] bool passed_in_dialog() const noexcept;
    /// Whether its recipients are refused for good, and not only until it comes back.
    [[nodiscard]] bool is_rejected() const noexcept;
    /// What was found against the client: "access_list", "pregreet", "dnsbl", comma separated.
    [[nodiscard]] std::string reasons() const;

    /// What to remember, or nothing: only passes are remembered, and only of clients against which
    /// nothing stands.
    /// @param now when the tests ended
    [[nodiscard]] std::optional<client_record> record_to_store(instant now) const noexcept;

private:
    [[nodiscard]] step conclude(early_step what);
    [[nodiscard]] step spare(exemption what) noexcept;
    [[nodiscard]] bool needs_dialog() const noexcept;
    [[nodiscard]] bool is_refused() const noexcept;
    /// What to do when the client says HELO with a name of ours.
    [[nodiscard]] smtp::on_fault on_own_helo() const noexcept;
    [[nodiscard]] bool is_enough(int score) const noexcept;
    /// Until when `t` counts as passed by this session; nothing when it was not passed now.
    [[nodiscard]] std::optional<instant> earned(test t, instant now) const noexcept;
    [[nodiscard]] step hand_off(way_in how) noexcept;
    void refuse_listed(const dnsbl::score& score);
    /// Sets the refusal for an enforced or dropping action; ignore changes nothing.
    void refuse(std::string_view enhanced, std::string_view text, action a);

    const policy* rules_;
    ip_address client_;
    plan plan_{};
    std::optional<early_phase> early_{};
    std::optional<deep_phase> deep_{};
    std::optional<client_record> known_{};
    std::unique_ptr<const smtp::reply> refusal_; ///< few clients that wait have one
    bool denylisted_ = false;
    bool banned_ = false;
    bool refused_by_score_ = false;
    bool vetoed_ = false;
    bool spared_deep_tests_ = false;
    bool has_own_helo_ = false;
    bool failed_by_helo_ = false;
    way_in how_ = way_in::none;
    std::optional<seconds> come_back_{};
};

[[nodiscard]] std::string_view to_string(step s) noexcept;

} // namespace fendmail::screen

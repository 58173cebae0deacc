// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/screen/plan.hpp"
#include "fendmail/core/screen/policy.hpp"
#include "fendmail/core/smtp/fault.hpp"

#include <cstdint>

/// The tests in our own dialog: what is looked for, and what came of it. Evidence in, status out;
/// the replies are the dialog's.
///
/// Source: postscreen's deep protocol tests: a client that names a recipient has passed those that
/// found nothing; a fault after that takes the pass back; a failure whose action is ignore counts
/// as a pass for the shortest time.
/// Memory: a few octets.
/// Errors: none.
/// Threads: one phase belongs to one session.
namespace fendmail::screen {

enum class deep_status : std::uint8_t {
    not_wanted, ///< the plan does not ask for it
    pending,
    passed,
    tolerated, ///< failed, and the action is ignore
    failed,
};

class deep_phase {
public:
    /// @param is_rejected the client is refused whatever it does: then everything is looked for,
    /// so that the log shows more of it
    /// @param rules must outlive the phase
    deep_phase(const policy& rules, const plan& what, bool is_rejected) noexcept;

    /// What the dialog has to look for.
    [[nodiscard]] smtp::fault_rules faults() const noexcept;

    void on_fault(test t) noexcept;
    /// An RCPT came, in whatever order and form.
    void on_recipient() noexcept;

    [[nodiscard]] deep_status status(test t) const noexcept { return status_[t]; }
    [[nodiscard]] bool has_failed() const noexcept;
    /// True when every test that the plan asks for is passed or tolerated.
    [[nodiscard]] bool is_passed() const noexcept;

private:
    const policy* rules_;
    by_test<deep_status> status_{};
    bool is_rejected_ = false;
};

/// @pre a deep test, or dnsbl for the part of its score that the dialog sees
[[nodiscard]] smtp::fault fault_of(test t) noexcept;
[[nodiscard]] test test_of(smtp::fault f) noexcept;
/// What the dialog has to do about a fault with this action.
[[nodiscard]] smtp::on_fault consequence_of(action a) noexcept;

[[nodiscard]] std::string_view to_string(deep_status s) noexcept;

} // namespace fendmail::screen

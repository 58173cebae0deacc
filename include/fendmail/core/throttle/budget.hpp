// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/result.hpp"
#include "fendmail/core/time.hpp"

#include <cstdint>
#include <string>
#include <string_view>

/// How much of something is allowed in a span of time, and how much of it is spent.
///
/// Source: the generic cell rate algorithm (ITU-T I.371, annex A), in its form of virtual
/// scheduling: one point in time says everything, and nothing has to run for it to pass.
/// Units: a budget of "20/10s" is 20 at once, and one more every half second; so in any span t at
/// most 20 + t / 0.5 s. It is no count of a fixed window, whose ends would allow twice as many.
/// Memory: 16 octets for a budget, 8 for what is spent of it.
/// Errors: `bad_budget`.
/// Threads: values.
namespace fendmail {

struct budget {
    std::uint32_t count = 0; ///< at once; 0 = nothing is limited
    milliseconds per{0};     ///< in which as many are free again

    [[nodiscard]] constexpr bool is_off() const noexcept { return count == 0; }
    /// From one that is free again to the next; rounded up, so never more than is allowed.
    /// @pre !is_off()
    [[nodiscard]] constexpr tick_span interval() const noexcept
    {
        const tick_span whole{per};
        return (whole + tick_span{count - 1}) / count;
    }
    friend bool operator==(const budget&, const budget&) = default;
};

/// More than a million a second is no limit, and would leave less than a microsecond for each.
inline constexpr std::uint64_t budget_per_second_max = 1'000'000;

/// "20/10s": a whole number above 0, "/" and a duration above 0; "" is a budget that is off.
[[nodiscard]] result<budget> parse_budget(std::string_view text) noexcept;
/// "20/10s", "" when it is off; parse_budget() takes it back.
[[nodiscard]] std::string to_text(const budget& allowed);

/// What one network or client has spent of a budget. The budget stands elsewhere, as it is the same
/// for many.
class spending {
public:
    /// Takes one if there is one. A budget that is off always has.
    [[nodiscard]] bool take(const budget& of, tick now) noexcept;
    /// Takes one if there is one, and what is refused counts as well: who goes on asking faster
    /// than the budget allows gets nothing at all until it slows down.
    [[nodiscard]] bool press(const budget& of, tick now) noexcept;
    /// When take() will succeed again; `now` when it would now.
    [[nodiscard]] tick free_at(const budget& of, tick now) const noexcept;
    /// How many are spent now and not yet free again, from 0 to of.count.
    [[nodiscard]] std::uint32_t spent(const budget& of, tick now) const noexcept;
    /// True when all is free again: it is as if nothing had ever been taken.
    [[nodiscard]] bool is_idle(tick now) const noexcept { return idle_at_ <= now; }
    /// When that will be.
    [[nodiscard]] tick idle_at() const noexcept { return idle_at_; }

private:
    tick idle_at_ = tick::min();
};

} // namespace fendmail

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

/// Whether a server repeats the letters of a question as they were sent, so that an answer with
/// others is forged.
///
/// Nearly all do; one that has never done so is asked without, or all its answers would be lost.
/// An attacker that forges answers cannot switch this off: before an answer comes here it has had
/// the right port and id, and after `sure` letters it takes `doubts_max` wrong answers in a row.
/// Memory: a few octets.
/// Errors: none.
/// Threads: one owner.
namespace fendmail::io {

class letter_case {
public:
    static constexpr unsigned sure = 64;
    static constexpr unsigned doubts_max = 50;

    /// Letters are to be mixed.
    [[nodiscard]] bool is_used() const noexcept { return !is_off_; }

    /// The letters were right. @param raised how many of them were not as they are by themselves
    void on_exact(unsigned raised) noexcept
    {
        doubts_ = 0;
        if (seen_ < sure) seen_ += raised;
    }
    /// The name was right and the letters were not. @return the answer may be believed
    [[nodiscard]] bool on_other_case() noexcept
    {
        if (seen_ < sure) {
            is_off_ = true;
            return true;
        }
        if (++doubts_ < doubts_max) return false;
        seen_ = doubts_ = 0; // another server has taken its place
        return false;
    }

private:
    unsigned seen_ = 0;
    unsigned doubts_ = 0;
    bool is_off_ = false;
};

} // namespace fendmail::io

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/time.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>

/// When a trouble that lasts is told: when it begins, after a minute, after ten, and then once an
/// hour. So each hour of the log shows it, and the log is not filled by clients that meet it often.
///
/// It differs from report_limit in that it has an end, which is told as well: so its figures are
/// those since its beginning, not since the last report, and its interval grows.
/// Units: steady time; failures are counted from the beginning of the trouble.
/// Memory: a few words.
/// Errors: none.
/// Threads: one owner.
namespace fendmail {

class lasting_trouble {
public:
    struct summary {
        std::size_t failures = 0;
        seconds after{0}; ///< since the first failure
    };

    /// One more failure. @return what to tell, when it is time to
    [[nodiscard]] std::optional<summary> on_failure(tick now) noexcept
    {
        if (failures_ == 0) begin(now);
        ++failures_;
        if (now < next_) return std::nullopt;
        do
            next_ = since_ + wait(told_++);
        while (next_ <= now);
        return so_far(now);
    }

    /// It works. @return what there was, if there was any trouble
    std::optional<summary> on_success(tick now) noexcept
    {
        if (failures_ == 0) return std::nullopt;
        const auto all = so_far(now);
        failures_ = 0;
        return all;
    }

    [[nodiscard]] bool is_on() const noexcept { return failures_ != 0; }

private:
    static constexpr std::chrono::minutes wait(std::size_t told) noexcept
    {
        constexpr std::array first{std::chrono::minutes{1}, std::chrono::minutes{10}};
        if (told < first.size()) return first[told];
        return std::chrono::hours{1} * static_cast<int>(told - first.size() + 1);
    }
    void begin(tick now) noexcept
    {
        since_ = next_ = now;
        told_ = 0;
    }
    [[nodiscard]] summary so_far(tick now) const noexcept
    {
        return {failures_, std::chrono::duration_cast<seconds>(now - since_)};
    }

    tick since_{};
    tick next_{};
    std::size_t told_ = 0;
    std::size_t failures_ = 0;
};

} // namespace fendmail

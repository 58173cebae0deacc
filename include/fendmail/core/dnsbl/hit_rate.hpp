// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bitset>
#include <cstddef>

/// How many of the latest clients a list knows, held against how many it used to know.
///
/// Units: rates from 0 to 1; every client counts once.
/// Memory: a few words; nothing of the clients is kept.
/// Errors: none.
/// Threads: one owner.
///
/// A window of the latest clients slides over the traffic; those that leave it go into a baseline
/// that forgets slowly. So a change is held against the time before it, and a list whose traffic
/// really has changed is not suspicious for ever. There is no clock in it: what counts is clients.
namespace fendmail::dnsbl {

struct hit_rate_limits {
    std::size_t window = 50;        ///< latest clients; at most `hit_rate::window_max`
    double absurd = 0.95;           ///< so many of them listed is suspicious,
    double baseline_max = 0.60;     ///< unless it was like this or more before
    std::size_t baseline_min = 100; ///< clients before the window, or it says nothing
    std::size_t memory = 500; ///< clients after which two thirds of the baseline are forgotten
};

class hit_rate {
public:
    static constexpr std::size_t window_max = 64;

    /// @pre 0 < limits.window <= window_max
    explicit hit_rate(const hit_rate_limits& limits) noexcept;

    void on_client(bool listed) noexcept;
    /// The window is full, nearly all of it is listed, and it used to be otherwise.
    [[nodiscard]] bool is_absurd() const noexcept;
    /// The window holds enough, and less than half of it is listed.
    [[nodiscard]] bool is_calm() const noexcept;
    /// Begins a new window; the baseline stays.
    void forget_window() noexcept;

    [[nodiscard]] double recent() const noexcept;
    [[nodiscard]] double baseline() const noexcept { return baseline_; }

private:
    hit_rate_limits limits_;
    std::bitset<window_max> listed_;
    std::size_t at_ = 0;     ///< where the next client goes
    std::size_t held_ = 0;   ///< clients in the window
    std::size_t hits_ = 0;   ///< listed ones among them
    std::size_t before_ = 0; ///< clients that left the window, at most `memory`
    double baseline_ = 0;
};

} // namespace fendmail::dnsbl

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/result.hpp"
#include "fendmail/core/time.hpp"

#include <cstdint>
#include <string>
#include <string_view>

/// Durations and sizes as an admin writes them.
///
/// Units: ms, s, m (minutes), h, d, w for durations; octets for sizes, with KB, MB, GB, TB for
/// powers of 1000 and KiB, MiB, GiB, TiB for powers of 1024. Letters count as written.
/// Memory: none but for the string that is returned.
/// Errors: `bad_duration`, `bad_size`.
namespace fendmail {

/// Longer ones are refused: 100 years is not a useful limit, and any point in time that our
/// clocks can show plus this one still fits the nanoseconds of `tick` and the seconds of `instant`.
inline constexpr milliseconds duration_max = std::chrono::days{36500};

/// "500ms", "6s", "10m", "12h", "30d", "1w": one whole number and its unit, nothing between them.
/// A number without a unit is refused, even 0: it would leave open which one was meant.
[[nodiscard]] result<milliseconds> parse_duration(std::string_view text) noexcept;

/// "64KiB", "10MB", "1GiB", or octets without a unit: "512".
[[nodiscard]] result<std::uint64_t> parse_size(std::string_view text) noexcept;

/// The shortest exact form: "6s", "1d", "90s", "1500ms", "0s"; parse_duration() takes it back.
[[nodiscard]] std::string to_text(milliseconds duration);

/// An age for people to read: its two greatest units, "45s", "3h 5m", "2d 1h", "400d".
[[nodiscard]] std::string age_text(seconds age);

} // namespace fendmail

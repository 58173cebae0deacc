// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/units.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>
#include <optional>
#include <span>

namespace fendmail {

namespace {

struct unit {
    std::string_view name;
    std::uint64_t factor;
};

// Longest first: to_text() takes the first that divides.
constexpr std::array<unit, 6> duration_units{{
    {"w", 7ULL * 24 * 60 * 60 * 1000},
    {"d", 24ULL * 60 * 60 * 1000},
    {"h", 60ULL * 60 * 1000},
    {"m", 60ULL * 1000},
    {"s", 1000},
    {"ms", 1},
}};

constexpr std::array<unit, 9> size_units{{
    {"", 1},
    {"KB", 1000},
    {"MB", 1000ULL * 1000},
    {"GB", 1000ULL * 1000 * 1000},
    {"TB", 1000ULL * 1000 * 1000 * 1000},
    {"KiB", 1ULL << 10},
    {"MiB", 1ULL << 20},
    {"GiB", 1ULL << 30},
    {"TiB", 1ULL << 40},
}};

/// A whole number and one of `units`, multiplied; nothing when it is none or above `most`.
std::optional<std::uint64_t> parse_quantity(std::string_view text, std::span<const unit> units,
                                            std::uint64_t most) noexcept
{
    std::uint64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, fault] = std::from_chars(text.data(), end, number);
    if (fault != std::errc{}) return std::nullopt;
    const std::string_view name{stop, static_cast<std::size_t>(end - stop)};
    for (const unit& candidate : units) {
        if (candidate.name != name) continue;
        if (number > most / candidate.factor) return std::nullopt;
        return number * candidate.factor;
    }
    return std::nullopt;
}

} // namespace

result<milliseconds> parse_duration(std::string_view text) noexcept
{
    const auto count =
        parse_quantity(text, duration_units, static_cast<std::uint64_t>(duration_max.count()));
    if (!count) return error::bad_duration;
    return milliseconds{static_cast<milliseconds::rep>(*count)};
}

result<std::uint64_t> parse_size(std::string_view text) noexcept
{
    const auto octets = parse_quantity(text, size_units, UINT64_MAX);
    if (!octets) return error::bad_size;
    return *octets;
}

std::string to_text(milliseconds duration)
{
    if (duration == milliseconds::zero()) return "0s";
    const auto count = duration.count();
    const unit* chosen = duration_units.data();
    while (count % static_cast<milliseconds::rep>(chosen->factor) != 0)
        ++chosen; // ends at "ms": 1 divides everything
    return fmt::format("{}{}", count / static_cast<milliseconds::rep>(chosen->factor),
                       chosen->name);
}

std::string age_text(seconds age)
{
    struct step {
        seconds::rep length;
        char name;
    };
    constexpr std::array<step, 4> steps{{{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}}};
    seconds::rep left = std::max<seconds::rep>(age.count(), 0);
    const auto* first = steps.begin();
    while (first->length > 1 && left < first->length)
        ++first;
    std::string text = fmt::format("{}{}", left / first->length, first->name);
    left %= first->length;
    const auto* const second = first + 1;
    if (second == steps.end() || left < second->length) return text;
    return text + fmt::format(" {}{}", left / second->length, second->name);
}

} // namespace fendmail

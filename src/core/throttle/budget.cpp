// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/throttle/budget.hpp"

#include "fendmail/core/units.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>

namespace fendmail {

result<budget> parse_budget(std::string_view text) noexcept
{
    if (text.empty()) return budget{};
    const auto slash = text.find('/');
    if (slash == std::string_view::npos) return error::bad_budget;
    budget out;
    const char* const end = text.data() + slash;
    const auto [stop, fault] = std::from_chars(text.data(), end, out.count);
    if (fault != std::errc{} || stop != end || out.count == 0) return error::bad_budget;
    const auto per = parse_duration(text.substr(slash + 1));
    if (!per || *per <= milliseconds::zero()) return error::bad_budget;
    out.per = *per;
    const auto most = static_cast<std::uint64_t>(out.per.count()) * (budget_per_second_max / 1000);
    if (out.count > most) return error::bad_budget;
    return out;
}

std::string to_text(const budget& allowed)
{
    if (allowed.is_off()) return {};
    return fmt::format("{}/{}", allowed.count, to_text(allowed.per));
}

bool spending::take(const budget& of, tick now) noexcept
{
    if (of.is_off()) return true;
    if (free_at(of, now) > now) return false;
    idle_at_ = std::max(idle_at_, now) + of.interval();
    return true;
}

bool spending::press(const budget& of, tick now) noexcept
{
    if (of.is_off()) return true;
    const bool is_free = free_at(of, now) <= now;
    const auto interval = of.interval();
    // As full as it can be, so that the next one is free an interval after the last attempt.
    idle_at_ = std::min(std::max(idle_at_, now) + interval, now + interval * of.count);
    return is_free;
}

tick spending::free_at(const budget& of, tick now) const noexcept
{
    if (of.is_off() || is_idle(now)) return now;
    return std::max(now, idle_at_ - of.interval() * (of.count - 1));
}

std::uint32_t spending::spent(const budget& of, tick now) const noexcept
{
    if (of.is_off() || is_idle(now)) return 0;
    const auto interval = of.interval();
    const auto whole = (idle_at_ - now + interval - tick_span{1}) / interval;
    return static_cast<std::uint32_t>(std::min<tick_span::rep>(whole, of.count));
}

} // namespace fendmail

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/text/time_text.hpp"

#include "fendmail/core/text/ascii.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>

namespace fendmail {

std::string time_text(instant when)
{
    using namespace std::chrono;
    const auto midnight = floor<days>(when);
    const year_month_day date{midnight};
    const hh_mm_ss time{when - midnight};
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                       time.hours().count(), time.minutes().count(), time.seconds().count());
}

std::optional<instant> parse_time_text(std::string_view text)
{
    constexpr std::string_view form = "0000-00-00T00:00:00Z";
    const auto fits = [](char is, char wanted) {
        return wanted == '0' ? is_digit(is) : is == wanted;
    };
    if (!std::ranges::equal(text, form, fits)) return std::nullopt;
    const auto number = [&](std::size_t at, std::size_t size) {
        int value = 0;
        for (const char digit : text.substr(at, size))
            value = value * 10 + (digit - '0');
        return value;
    };
    using namespace std::chrono;
    const year_month_day date{year{number(0, 4)}, month{static_cast<unsigned>(number(5, 2))},
                              day{static_cast<unsigned>(number(8, 2))}};
    const hours hour{number(11, 2)};
    const minutes minute{number(14, 2)};
    const seconds second{number(17, 2)};
    if (!date.ok() || hour >= hours{24} || minute >= minutes{60} || second >= seconds{60})
        return std::nullopt;
    return sys_days{date} + hour + minute + second;
}

} // namespace fendmail

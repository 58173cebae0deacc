// SPDX-License-Identifier: Apache-2.0
#include "stamp.hpp"

#include <array>
#include <cstddef>
#include <fmt/format.h>

namespace fendmail::io {

std::string_view log_stamp::at(std::time_t second)
{
    if (!text_.empty() && second == second_) return text_;
    // Not strftime: its names of months follow the locale.
    static constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::tm t{};
    ::localtime_r(&second, &t);
    text_ = fmt::format("{} {:>2} {:02}:{:02}:{:02} ", months[static_cast<std::size_t>(t.tm_mon)],
                        t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
    second_ = second;
    return text_;
}

} // namespace fendmail::io

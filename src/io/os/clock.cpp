// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/os/clock.hpp"

#include <array>

namespace fendmail::io {

instant wall_now() noexcept
{
    return std::chrono::floor<seconds>(std::chrono::system_clock::now());
}

milliseconds wall_milliseconds() noexcept
{
    return std::chrono::duration_cast<milliseconds>(
        std::chrono::system_clock::now().time_since_epoch());
}

tick steady_now() noexcept
{
    return std::chrono::steady_clock::now();
}

std::string local_time_text()
{
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    std::array<char, 32> text{};
    if (::localtime_r(&now, &parts) == nullptr) return {};
    return {text.data(), std::strftime(text.data(), text.size(), "%b %d %H:%M:%S", &parts)};
}

} // namespace fendmail::io

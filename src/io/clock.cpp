// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/clock.hpp"

namespace fendmail::io {

instant wall_now() noexcept
{
    return std::chrono::floor<seconds>(std::chrono::system_clock::now());
}

tick steady_now() noexcept
{
    return std::chrono::steady_clock::now();
}

} // namespace fendmail::io

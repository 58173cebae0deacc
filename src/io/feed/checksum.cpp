// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/feed/checksum.hpp"

#include <zlib.h>

namespace fendmail::io {

std::uint32_t checksum(std::string_view text) noexcept
{
    const auto* const octets = reinterpret_cast<const Bytef*>(text.data());
    return static_cast<std::uint32_t>(::crc32_z(0, octets, text.size()));
}

} // namespace fendmail::io

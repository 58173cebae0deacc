// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

/// CRC-32 of a whole file, to see whether two are the same.
///
/// Source: RFC 1952 §8, as zlib has it: a hundred megabytes take a tenth of a second.
/// Errors: none. It is no protection against a file that was made to have it.
/// Threads: functions of their arguments only.
namespace fendmail::io {

[[nodiscard]] std::uint32_t checksum(std::string_view text) noexcept;

} // namespace fendmail::io

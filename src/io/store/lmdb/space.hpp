// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

/// Room on the disk for what LMDB does not write with a call that could fail: it maps its lock
/// file, which it leaves full of holes, and on a full disk the first touch of a hole is SIGBUS. So
/// it gets its blocks before it is mapped; and the first pages of a new data file, so that a
/// full disk leaves an empty file and not one that looks damaged.
///
/// Errors: an errno, or map_fault (map_fault.hpp); then nothing has been lost, and LMDB must not be
/// opened here.
/// Threads: any; while this process has the store open it would take its locks away.
namespace fendmail::io::lmdb {

/// Makes both files where they are missing.
/// @return 0 when there is room
[[nodiscard]] int reserve_room(const std::filesystem::path& path) noexcept;

} // namespace fendmail::io::lmdb

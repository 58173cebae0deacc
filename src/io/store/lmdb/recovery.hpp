// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "check.hpp"

#include "fendmail/core/event/event.hpp"
#include "fendmail/core/time.hpp"

#include <filesystem>
#include <string>
#include <string_view>

/// Makes sure that an LMDB file can be used before it is: LMDB follows the page numbers it finds
/// in a file, so a damaged one crashes the process that opens it. That shall be a child process.
///
/// Errors: see `prepare_file`.
/// Threads: at start-up; forks, so there should be no other threads yet.
namespace fendmail::io::lmdb {

/// Makes the directory if it is missing, and room for LMDB's files (space.hpp); moves a file
/// aside that is damaged or not ours, with a `store_moved_aside` event. Afterwards there is a sound
/// file, or an empty one. A file that cannot be looked at (a full disk, rights, not enough time) is
/// not damaged: it stays where it is.
/// @param now names the file that is moved aside
/// @param limits for reading the whole file
/// @throws std::runtime_error with the path and what to do when no store is possible here now
void prepare_file(const std::filesystem::path& path, instant now, const check_limits& limits,
                  event_sink& events);

/// What would keep prepare_file() from succeeding for this user, without changing anything; "" when
/// nothing is seen.
[[nodiscard]] std::string trouble_with(const std::filesystem::path& path);

/// LMDB calls a write that only a part of fits EIO: tells a full disk from a broken one.
[[nodiscard]] int cause_of(int code, const std::filesystem::path& path) noexcept;

/// What an admin does about a code of LMDB's or an errno.
[[nodiscard]] std::string_view cure_of(int code) noexcept;

/// LMDB's name for the lock file of `path`.
[[nodiscard]] std::filesystem::path lock_file_of(const std::filesystem::path& path);

} // namespace fendmail::io::lmdb

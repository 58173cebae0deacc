// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/event/event.hpp"
#include "fendmail/core/time.hpp"

#include <filesystem>

/// Makes sure that an LMDB file can be used before it is: LMDB follows the page numbers it finds
/// in a file, so a damaged one crashes whoever opens it. That shall be a child process.
///
/// Errors: see `prepare_file`.
/// Threads: at start-up; forks, so there should be no other threads yet.
namespace fendmail::io::lmdb {

/// Makes the directory if it is missing, and moves a file aside that is damaged, not ours or not
/// readable, with a `store_moved_aside` event. Afterwards there is a sound file or none.
/// @param now names the file that is moved aside
/// @param time_limit for reading the whole file
/// @throws std::runtime_error with the path and what to do when no store is possible here
void prepare_file(const std::filesystem::path& path, instant now, milliseconds time_limit,
                  event_sink& events);

/// LMDB's name for the lock file of `path`.
[[nodiscard]] std::filesystem::path lock_file_of(const std::filesystem::path& path);

} // namespace fendmail::io::lmdb

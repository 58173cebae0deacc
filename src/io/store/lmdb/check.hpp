// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/time.hpp"

#include <atomic>
#include <string>

/// Reads an LMDB file from end to end and says whether it is a sound one of ours.
///
/// Threads: any; forks. The child of a process with several threads only looks at the file.
namespace fendmail::io::lmdb {

enum class file_state : char {
    sound = 's',
    damaged = 'd', ///< or of another program, version or kind of machine
    unknown = 'u', ///< it could not be found out: want of memory, room, rights, time; a bad disk
};

struct finding {
    file_state state = file_state::sound;
    std::string reason; ///< empty for a sound file
};

struct check_limits {
    milliseconds time{5'000};
    const std::atomic<bool>* give_up = nullptr; ///< true ends it early; may be null
};

/// Examines `path` in a child process. A child that crashes has found damage, unless the reason is
/// that the file cannot be read at all.
[[nodiscard]] finding check_in_child(const std::string& path, const check_limits& limits);

} // namespace fendmail::io::lmdb

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/time.hpp"

#include <string>

/// Reads an LMDB file from end to end and says whether it is a sound one of ours.
///
/// Threads: at start-up; forks.
namespace fendmail::io::lmdb {

enum class file_state : char {
    sound = 's',
    damaged = 'd', ///< or of another program, version or kind of machine
    unknown = 'u', ///< it could not be found out: want of memory, descriptors, rights
};

struct finding {
    file_state state = file_state::sound;
    std::string reason; ///< empty for a sound file
};

/// Examines `path` in a child process. A child that crashes, or takes longer than `time_limit`,
/// has found damage.
[[nodiscard]] finding check_in_child(const std::string& path, milliseconds time_limit);

} // namespace fendmail::io::lmdb

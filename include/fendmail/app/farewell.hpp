// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/stream.hpp"

#include <string_view>

namespace fendmail::app {

class worker;

/// Says some last words and gives the other side time to read them, for closing with unread input
/// makes the kernel send a reset that can overtake them. The stream is left for its owner to close.
///
/// Units: octets; at most 10 s to write and 2 s more. Of those who get the 2 s there are 256 at
/// once: a flood of refused ones must not keep descriptors that others need.
/// Memory: 2 KiB while it waits.
/// Errors: none; whoever does not read misses it.
/// Threads: runs on `where`.
/// @param words outlive the operation
[[nodiscard]] io::awaitable<void> say_farewell(worker& where, io::stream& to,
                                               std::string_view words);

} // namespace fendmail::app

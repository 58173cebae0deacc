// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/session/environment.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/net/stream.hpp"

#include <string_view>

/// Closing with unread input makes the kernel send a reset that can overtake our last words: so
/// after them the other side gets time to read, and what it still sends is thrown away. The stream
/// is left for its owner to close.
///
/// Units: octets; 2 s and 64 KiB at most. 256 streams may linger at once, others are closed
/// without: a flood of refused clients must not keep descriptors that others need. Memory: 2 KiB
/// while it waits. Errors: none; a client that does not read misses the words. Threads: those of
/// the environment, which outlives the operation.
namespace fendmail::app {

/// For a reply that ends a connection.
inline constexpr milliseconds last_reply_time{10000};

[[nodiscard]] io::awaitable<void> lingering_close(environment& env, io::stream& to);

/// Says some last words before that.
/// @param words outlive the operation
[[nodiscard]] io::awaitable<void> say_and_linger(environment& env, io::stream& to,
                                                 std::string_view words);

} // namespace fendmail::app

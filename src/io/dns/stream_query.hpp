// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/dns/name_server.hpp"
#include "fendmail/core/time.hpp"

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

/// One question over TCP, for answers that do not fit a datagram.
///
/// Source: RFC 1035 §4.2.2 (two octets of length before the message).
/// Units: octets; an answer has at most 65,535.
/// Memory: the answer.
/// Errors: an answer of no octets.
/// Threads: one worker.
namespace fendmail::io {

/// Calls `done` once, never from within this call: with the whole message, which is not checked, or
/// with none when `limit` has passed or the connection has failed.
void query_by_stream(boost::asio::io_context& context, const dns::name_server& server,
                     std::span<const std::uint8_t> message, tick limit,
                     std::function<void(std::span<const std::uint8_t>)> done);

} // namespace fendmail::io

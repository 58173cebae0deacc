// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/admin/site.hpp"
#include "fendmail/core/listen_address.hpp"
#include "fendmail/core/time.hpp"

#include <functional>
#include <string>
#include <string_view>

/// Asks a running fendmail through its admin's HTTP server.
///
/// Source: RFC 9112 (through Boost.Beast).
/// Memory: one reply, at most `reply_octets_max`; of a stream one part.
/// Errors: an exchange that did not take place says why; the server's refusals are replies.
/// Threads: blocks the caller's.
namespace fendmail::app {

struct admin_answer {
    unsigned status = 0; ///< 0 = there was none
    std::string body;
    std::string failure{}; ///< why there was none
    [[nodiscard]] bool is_ok() const noexcept { return status >= 200 && status < 300; }
};

inline constexpr std::size_t reply_octets_max = std::size_t{64} << 20;

/// @param target with query, escaped
/// @param body JSON; "" = none
[[nodiscard]] admin_answer ask_admin(const listen_address& where, admin_verb verb,
                                     std::string_view target, std::string_view body = {},
                                     milliseconds limit = milliseconds{65000});

/// Reads a stream until it ends or `hear` says false.
/// @param hear each line without its end
[[nodiscard]] admin_answer follow_admin(const listen_address& where, std::string_view target,
                                        const std::function<bool(std::string_view)>& hear);

/// @return "" when it is ready, otherwise what is wrong
[[nodiscard]] std::string ask_readiness(const listen_address& address);

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/session/environment.hpp"
#include "fendmail/app/session/session.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/core/proxy/header_reader.hpp"
#include "fendmail/core/throttle/report_limit.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/net/stream.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace fendmail::app {

/// Connections of balancers, from accept until the PROXY header has said who the client is. The
/// client's session then begins on the worker that all of its connections come to.
///
/// What a balancer does for itself is no client and leaves no trace: a connection that closes
/// without an octet, and one with a LOCAL header, which gets a small SMTP dialog to test with.
/// One whose header says that the client is not known is a client with the balancer's address.
/// Memory: one coroutine frame for each connection; a health check has 512 octets more.
/// Errors: a peer that sends no header, or not that of a TCP client, gets `421` and is logged, once
/// a second at most.
/// Threads: one worker, which outlives it.
class intake {
public:
    /// Begins the client's session where all of its connections come to.
    using forward = std::function<void(incoming)>;

    intake(environment& env, forward to) noexcept
        : env_{&env}
        , forward_{std::move(to)}
    {
    }
    intake(const intake&) = delete;
    intake& operator=(const intake&) = delete;

    /// @param connection its client is the balancer
    [[nodiscard]] io::awaitable<void> receive(incoming connection);

private:
    struct visit;

    [[nodiscard]] io::awaitable<bool> read_header(visit& from, proxy::header_reader& header);
    [[nodiscard]] io::awaitable<void> refuse(visit& from, std::string_view reason,
                                             std::string_view text);
    [[nodiscard]] io::awaitable<void> answer_check(visit& from);
    void hand_on(visit& from, const proxy::origin& who);
    void turn_away(visit& from) noexcept;
    void report_unknown(const visit& from);
    void report(const visit& from, std::string_view reason, std::string_view text);

    environment* env_;
    forward forward_;
    report_limit reports_{seconds{1}};
    /// Nothing is wrong with these connections, but with the balancer there may be.
    report_limit unknown_reports_{std::chrono::hours{1}};
};

} // namespace fendmail::app

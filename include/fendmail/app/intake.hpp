// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/service.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/core/proxy/header_reader.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/stream.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace fendmail::app {

class worker;

/// Connections of balancers, from accept until the PROXY header has said who the client is. The
/// client's session then begins on the worker that all of its connections come to.
///
/// What a balancer does for itself is no client and leaves no trace: a connection that closes
/// without an octet, and one with a LOCAL header, which gets a small SMTP dialog to test with.
/// One whose header says that the client is not known is a client with the balancer's address.
/// Memory: one coroutine frame for each connection; a health check has 512 octets more.
/// Errors: whoever sends no header, or not that of a TCP client, gets `421` and is told to the log,
/// once a second at most.
/// Threads: one worker, which outlives it.
class intake {
public:
    explicit intake(worker& where) noexcept
        : worker_{&where}
    {
    }
    intake(const intake&) = delete;
    intake& operator=(const intake&) = delete;

    /// @param local our address that the balancer connected to
    [[nodiscard]] io::awaitable<void> receive(std::shared_ptr<const service> what,
                                              io::unique_fd socket, endpoint balancer,
                                              endpoint local);

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

    worker* worker_;
    tick next_report_{};
    tick next_unknown_report_{};
    std::size_t untold_ = 0; ///< since the last report
};

} // namespace fendmail::app

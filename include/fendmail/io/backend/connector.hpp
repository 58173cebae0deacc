// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/smtp/identity.hpp"
#include "fendmail/core/smtp/reply.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/net/deadline_queue.hpp"
#include "fendmail/io/net/stream.hpp"
#include "fendmail/io/net/wake_coalescer.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

/// A way to the mail server behind us: connects, tells it who the client is, and reads its
/// greeting. It says nothing to the client; what is moved afterwards is relay_session()'s.
///
/// Source: reference of Postfix's `pass` service, the PROXY protocol and XCLIENT; RFC 5321 §4.2
/// (greeting).
/// Errors: as a value, with a reason for the log. Unless the connection itself was passed or lost,
/// the client has seen nothing of this backend: it can be answered, or another backend tried.
/// Threads: immutable; shared by all workers. What one client needs comes with its request.
namespace fendmail::io {

/// For whom the way is opened.
struct open_request {
    endpoint client;
    endpoint local; ///< where the client connected to
    deadline_queue& deadlines;
    /// When this connection of the client breaks, there is nothing to wait for. Null where there is
    /// none, as for a probe.
    stream* connection = nullptr;
    /// The connection itself may become the backend's; else a backend that takes sockets gets
    /// another one, on which the session goes on through us.
    bool may_pass = false;
    wake_coalescer* wakes = nullptr; ///< null = nothing is put off
};

enum class open_end : std::uint8_t {
    greeted, ///< it has greeted on the stream; the client has not seen the greeting
    passed,  ///< the connection belongs to the backend now
    failed,  ///< no backend; the client has seen nothing and waits for a reply
    lost,    ///< it is not known who has the connection; it can be closed, not answered
};

struct opened {
    open_end end = open_end::failed;
    std::string reason;                   ///< with failed and lost, for the log
    std::string greeting{};               ///< with greeted: as sent
    std::optional<smtp::reply> refusal{}; ///< with failed: the backend's own 4xx or 5xx
    /// With failed: the backend may not have taken the address of the client.
    smtp::identity about = smtp::identity::fine;
    bool is_taken = false;       ///< proof that it has, also with failed
    milliseconds until_ready{0}; ///< from the request to the greeting, or until it was passed
};

/// What is known of a way without opening it.
struct connector_traits {
    std::string name;                   ///< for logs: the address as configured
    milliseconds greeting_limit{30000}; ///< for a greeting or a reply
    milliseconds idle_limit{600000};    ///< of a relayed session
    bool passes_sockets = false; ///< sockets are in transit, and their number must be limited
    bool tells_client = false;   ///< the backend is told who the client is
    /// It is told by a PROXY header: only its reply to the first command proves that it has taken
    /// the address.
    bool sends_header = false;
    std::string_view advice{}; ///< what would mend a backend that does not take the address
};

class connector {
public:
    explicit connector(connector_traits traits)
        : traits_{std::move(traits)}
    {
    }
    connector(const connector&) = delete;
    connector& operator=(const connector&) = delete;
    virtual ~connector() = default;

    /// @param request must outlive the operation
    /// @param server in the stream_group of the session; whatever it was, with `greeted` it is the
    /// backend's connection, and with any other end closed
    [[nodiscard]] virtual awaitable<opened> open(const open_request& request, stream& server) = 0;

    [[nodiscard]] const connector_traits& traits() const noexcept { return traits_; }
    [[nodiscard]] const std::string& name() const noexcept { return traits_.name; }
    [[nodiscard]] bool passes_sockets() const noexcept { return traits_.passes_sockets; }

private:
    connector_traits traits_;
};

} // namespace fendmail::io

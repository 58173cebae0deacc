// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/event/event.hpp"
#include "fendmail/core/smtp/data_guard.hpp"
#include "fendmail/core/smtp/extensions.hpp"
#include "fendmail/core/smtp/identity.hpp"
#include "fendmail/core/smtp/replay_dialog.hpp"
#include "fendmail/core/smtp/reply.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/deadline_queue.hpp"
#include "fendmail/io/gatherer.hpp"
#include "fendmail/io/stream.hpp"
#include "fendmail/io/stream_group.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

/// The mail server behind us: takes over a client that has passed.
///
/// Source: reference of Postfix's `pass` service, the PROXY protocol and XCLIENT.
/// Errors: as a value, with a reason for the log; the client has then seen nothing of the
/// backend and can still be answered, unless the outcome says otherwise.
/// Threads: immutable; shared by all workers. What a hand-off needs it gets in its request.
namespace fendmail::io {

struct hand_off_request {
    stream& client;
    endpoint client_address;
    endpoint local_address;
    deadline_queue& deadlines;
    stream_group& streams;         ///< the backend's stream joins it
    gatherer* gathering = nullptr; ///< null = nothing is put off
    /// Keywords of the backend's EHLO reply that the client is not to see, upper case, where it is
    /// relayed.
    std::span<const std::string> hide_ehlo{};
};

enum class hand_off_end : std::uint8_t {
    passed_on, ///< the socket belongs to the backend now
    relayed,   ///< everything between client and backend was relayed, and both are done
    failed,    ///< no backend; the client waits for a reply of ours
    lost,      ///< nobody knows who has the client; it can be closed, not answered
};

struct hand_off_result {
    hand_off_end end = hand_off_end::failed;
    std::string reason; ///< with failed and lost, for the log; with relayed when it was cut
    std::optional<smtp::reply> refusal{}; ///< with failed: the backend's own 4xx or 5xx
    event::ended_by ended_by = event::ended_by::fendmail; ///< with relayed
    bool idle = false;                                    ///< with relayed: ended by the idle limit
    bool client_ended = false;                            ///< with relayed: it was read to its end
    milliseconds until_ready{0};              ///< from request to the backend's greeting
    std::uint64_t octets_in = 0;              ///< client to backend
    std::uint64_t octets_out = 0;             ///< backend to client
    std::optional<smtp::guard_fault> fault{}; ///< with relayed and a guard: what ended it
    bool had_false_end = false;              ///< with relayed and a guard; see guarded_relay_result
    std::optional<smtp::reply> last_words{}; ///< with relayed: what the client should hear
    /// With failed, or with relayed and a reason: the backend may not have taken the address.
    smtp::identity about = smtp::identity::fine;
    bool is_taken = false; ///< with relayed: proof that it takes the address of the client
};

/// What a backend must hear again of a client that has been in our own dialog.
struct resume_options {
    smtp::replay replay;
    smtp::backend_tls tls = smtp::backend_tls::none;
    const io::tls_context* tls_context = nullptr; ///< of a client; for any `tls` but none
    std::string hostname;                         ///< ours
};

enum class resume_end : std::uint8_t {
    ready,   ///< relay between the client and the stream of the backend
    refused, ///< `refusal` is the backend's reply to MAIL, or to the client's EHLO
    failed,  ///< no backend
};

struct resume_result {
    resume_end end = resume_end::failed;
    std::string reason;                          ///< for the log; "" with ready
    std::optional<smtp::reply> refusal{};        ///< with refused; with failed: its own greeting
    std::optional<smtp::extensions> offered{};   ///< what it offers this client, if it said EHLO
    smtp::identity about = smtp::identity::fine; ///< with failed
};

enum class proof_end : std::uint8_t {
    taken,     ///< it takes the address that it is told
    mistaken,  ///< it does not
    refused,   ///< it speaks SMTP, and refuses the address of the probe: nobody knows
    undecided, ///< it cannot be asked, or is too slow: nobody knows
};

struct proof {
    proof_end end = proof_end::undecided;
    std::string reason; ///< why not; with taken why it offers nothing, or ""
    std::optional<smtp::extensions> offered{};
};

class backend {
public:
    backend() = default;
    backend(const backend&) = delete;
    backend& operator=(const backend&) = delete;
    virtual ~backend() = default;

    /// @param request must outlive the operation
    [[nodiscard]] virtual awaitable<hand_off_result> hand_off(hand_off_request& request) = 0;
    /// Connects for a client that goes on speaking through us, and repeats what it has said.
    /// @param server not open; afterwards the backend's, when the end is ready
    [[nodiscard]] virtual awaitable<resume_result>
    resume(hand_off_request& request, const resume_options& what, stream& server) = 0;
    /// Finds out whether it takes the address of a client that it is told, and what it offers such
    /// a client, and says good-bye. Where it is told nothing, it takes it.
    /// @param request without a client: its stream is not open
    /// @param server not open
    [[nodiscard]] virtual awaitable<proof> prove(hand_off_request& request,
                                                 const std::string& hostname, stream& server) = 0;
    /// How long a relayed session may be idle.
    [[nodiscard]] virtual milliseconds idle_limit() const noexcept = 0;
    /// For logs: the address as configured.
    [[nodiscard]] virtual const std::string& name() const noexcept = 0;
    /// True when sockets are in transit to the backend and their number must be limited.
    [[nodiscard]] virtual bool passes_sockets() const noexcept = 0;
};

} // namespace fendmail::io

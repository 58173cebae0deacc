// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/smtp/data_guard.hpp"
#include "fendmail/core/smtp/reply.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// What trouble with the backend means for a client: what it hears, whose fault it is, and the
/// word for its summary.
///
/// Source: RFC 5321 §4.2.1 (4yz: try again, 5yz: do not), RFC 3207 §4 (530).
/// Errors: none.
namespace fendmail::smtp {

/// Where the backend was wanted.
enum class backend_need : std::uint8_t {
    greeting, ///< to greet the client
    mail,     ///< for a mail, from our dialog on
};

/// What a client hears that the backend cannot serve: the backend's own 4xx, or one of ours. One
/// that answers with a 5xx (a wrong port, a half-made configuration) would bounce all mail for
/// good, so the client is told to come back.
/// @param own what the backend said, if anything
[[nodiscard]] reply answer_without_backend(backend_need at, const std::optional<reply>& own);

/// What a backend made of the commands that were repeated to it.
struct replayed {
    std::optional<reply> refusal{}; ///< none: it accepted the sender
    bool offers_less = false;       ///< than our dialog has offered the client
    bool is_encrypted = false;      ///< between the client and us
};
/// Why that may follow from what we did and not from the mail, for the log; "" when it does not.
[[nodiscard]] std::string misfit_of(const replayed& what);

/// What may be in the mails of a relayed session.
enum class data_policy : std::uint8_t {
    automatic, ///< strict for sessions that go on from our dialog, as_is for others
    strict,    ///< see smtp::data_guard
    as_is,
};
[[nodiscard]] std::string_view to_string(data_policy p) noexcept;
/// Whether a session is relayed with a data_guard, of which the backend is needed from there on.
[[nodiscard]] bool is_guarded(data_policy policy, backend_need from) noexcept;

/// The word for what ended or marked a relayed session; "" for an ordinary end.
[[nodiscard]] std::string_view reason_of_relay(const std::optional<guard_fault>& fault,
                                               bool was_idle, bool had_false_end) noexcept;

} // namespace fendmail::smtp

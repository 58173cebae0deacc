// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/smtp/extensions.hpp"
#include "fendmail/core/smtp/replay_dialog.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/backend/connector.hpp"
#include "fendmail/io/net/stream.hpp"
#include "fendmail/io/tls/context.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace fendmail::io {

enum class proof_end : std::uint8_t {
    taken,     ///< it takes the address that it is told
    mistaken,  ///< it does not
    refused,   ///< it speaks SMTP, and refuses the address of the probe: that proves nothing
    undecided, ///< it cannot be asked, or is too slow: that proves nothing
};

struct proof {
    proof_end end = proof_end::undecided;
    std::string reason; ///< why not; with taken why it offers nothing, or ""
    std::optional<smtp::extensions> offered{};
    std::string greeting{};        ///< as sent; "" = there was none
    milliseconds until_greeted{0}; ///< with a greeting
};

/// In whose place a backend is asked. RFC 5737 §3: no host has these addresses, so no list of the
/// backend's names them.
inline const endpoint probe_client{ip_address::v4({192, 0, 2, 99}), 50025};
inline const endpoint probe_local{ip_address::v4({192, 0, 2, 1}), 25};

/// A session of our own with a backend: EHLO and QUIT, to find out whether it takes the address of
/// a client that it is told, and what it offers such a client. Where it is told nothing, it takes
/// it.
///
/// Source: see smtp::identity.
/// Errors: see proof.
/// Threads: one worker.
/// @param request names the client in whose place the backend is asked; without a connection
/// @param hostname ours
/// @param server not open
[[nodiscard]] awaitable<proof> probe_backend(connector& backend, const open_request& request,
                                             const std::string& hostname, stream& server);

/// How the way to a backend would be encrypted.
struct tls_trial {
    bool is_usable = false;    ///< a client that came to us encrypted can go on there
    std::string reason;        ///< why not
    std::string summary{};     ///< as stream::tls_summary(); "" = not encrypted
    std::string certificate{}; ///< as stream::tls_certificate()
};

/// Another session of our own, which begins as that of a client does that came to us encrypted.
///
/// Errors: see tls_trial.
/// Threads: one worker.
/// @param request as for probe_backend()
/// @param tls how it is configured, and not `none`
/// @param server not open
[[nodiscard]] awaitable<tls_trial> try_tls(connector& backend, const open_request& request,
                                           const std::string& hostname, smtp::backend_tls tls,
                                           const tls_context& context, stream& server);

} // namespace fendmail::io

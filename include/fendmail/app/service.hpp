// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/backend_identity.hpp"
#include "fendmail/app/backend_offers.hpp"
#include "fendmail/app/backend_state.hpp"
#include "fendmail/app/config/config.hpp"
#include "fendmail/io/backend.hpp"
#include "fendmail/io/backend_address.hpp"
#include "fendmail/io/tls_context.hpp"
#include "fendmail/io/zone_states.hpp"

#include <memory>

/// What a session works with, fixed from accept to end: a reload makes a new one and leaves the
/// sessions that run alone.
///
/// Threads: immutable; shared by all workers.
namespace fendmail::app {

struct service {
    runtime_config config;
    std::unique_ptr<io::backend> backend;
    /// Where that is; null for a path. Whoever looks its name up sets it.
    std::shared_ptr<io::backend_address> backend_address;
    /// For the way to the backend; nothing when it is never encrypted.
    std::shared_ptr<const io::tls_context> backend_tls;
    /// Apart from the rest, because lookups that are kept for their TTL hold it, and shared by
    /// configurations that have the same sites, so that a reload does not ask all lists again.
    std::shared_ptr<const dnsbl::site_set> dnsbl_sites;
    /// What the workers know of those sites, and shared just like them.
    std::shared_ptr<io::zone_states> zone_states;
    /// What clients met at the backend; shared by configurations that have the same one.
    std::shared_ptr<backend_state> backend_health;
    /// Whether it takes their addresses; likewise.
    std::shared_ptr<backend_identity> identity;
    /// What it offers them; likewise.
    std::shared_ptr<backend_offers> offers;
};

[[nodiscard]] std::unique_ptr<io::backend> make_backend(const runtime_config& config,
                                                        std::shared_ptr<io::backend_address> where);
/// @param before the one that this replaces, if there is one
[[nodiscard]] std::shared_ptr<const service> make_service(runtime_config config,
                                                          const service* before = nullptr);

} // namespace fendmail::app

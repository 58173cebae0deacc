// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/abuse/shared_meter.hpp"
#include "fendmail/app/config/config.hpp"
#include "fendmail/app/shared/backend_identity.hpp"
#include "fendmail/app/shared/backend_offers.hpp"
#include "fendmail/app/shared/backend_state.hpp"
#include "fendmail/io/backend/backend_address.hpp"
#include "fendmail/io/backend/connector.hpp"
#include "fendmail/io/dnsbl/list_states.hpp"
#include "fendmail/io/tls/context.hpp"

#include <memory>

/// What a session works with, fixed from accept to end: a reload makes a new one and leaves the
/// sessions that run alone.
///
/// Threads: immutable; shared by all workers.
namespace fendmail::app {

struct snapshot {
    runtime_config config;
    std::unique_ptr<io::connector> backend;
    /// Where that is; null for a path. The lookup of its name sets it.
    std::shared_ptr<io::backend_address> backend_address;
    /// For the way to the backend; nothing when it is never encrypted.
    std::shared_ptr<const io::tls_context> backend_tls;
    /// Apart from the rest, because lookups that are kept for their TTL hold it, and shared by
    /// configurations that have the same sites, so that a reload does not ask all lists again.
    std::shared_ptr<const dnsbl::site_set> dnsbl_sites;
    /// What the workers know of those sites, and shared just like them.
    std::shared_ptr<io::list_states> list_states;
    /// What clients met at the backend; shared by configurations that have the same one.
    std::shared_ptr<backend_state> backend_health;
    /// Whether it takes their addresses; likewise.
    std::shared_ptr<backend_identity> identity;
    /// What it offers them; likewise.
    std::shared_ptr<backend_offers> offers;
    /// Connections of networks, which all workers count together; null = that rate is off. Shared
    /// by configurations that have the same one.
    std::shared_ptr<shared_meter> network_rate;
};

/// The way to the backend of a configuration. Here each kind's name meets what it does.
[[nodiscard]] std::unique_ptr<io::connector>
make_connector(const runtime_config& config, std::shared_ptr<io::backend_address> where);
/// @param before the one that this replaces, if there is one
[[nodiscard]] std::shared_ptr<const snapshot> make_snapshot(runtime_config config,
                                                            const snapshot* before = nullptr);

} // namespace fendmail::app

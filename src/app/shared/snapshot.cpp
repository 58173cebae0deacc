// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/shared/snapshot.hpp"

#include "fendmail/core/assert.hpp"
#include "fendmail/io/backend/connectors.hpp"
#include "fendmail/io/os/clock.hpp"

#include <cstdlib>
#include <utility>

namespace fendmail::app {

namespace {

/// Of a name nothing yet.
std::shared_ptr<io::backend_address> address_of(const runtime_config& config)
{
    const backend_options& of = config.backend;
    if (!of.unix_path.empty()) return nullptr;
    if (of.host) return std::make_shared<io::backend_address>();
    return std::make_shared<io::backend_address>(io::backend_address::endpoints{of.tcp});
}

std::shared_ptr<shared_meter> network_rate_of(const runtime_config& config, const snapshot* before)
{
    const auto& rates = config.rates;
    if (rates.network.is_off()) return nullptr;
    if (before != nullptr && before->network_rate && before->config.rates == rates)
        return before->network_rate;
    throttle::hash_seed secret{};
    arc4random_buf(secret.data(), sizeof secret);
    return std::make_shared<shared_meter>(rates.network, rates.table_size, secret,
                                          io::steady_now());
}

} // namespace

std::unique_ptr<io::connector> make_connector(const runtime_config& config,
                                              std::shared_ptr<io::backend_address> where)
{
    const backend_options& from = config.backend;
    io::connector_options options;
    options.name = from.address;
    options.tcp = std::move(where);
    options.unix_path = from.unix_path;
    options.hostname = config.hostname;
    options.connect_timeout = from.connect_timeout;
    options.greeting_timeout = from.greeting_timeout;
    options.idle_timeout = from.idle_timeout;
    switch (from.kind) {
    case backend_kind::postfix_pass: return io::make_pass_connector(options);
    case backend_kind::proxy_v2: return io::make_proxy_connector(options, io::proxy_version::v2);
    case backend_kind::proxy_v1: return io::make_proxy_connector(options, io::proxy_version::v1);
    case backend_kind::xclient: return io::make_xclient_connector(options);
    case backend_kind::plain: return io::make_plain_connector(options);
    }
    FENDMAIL_ASSERT(false);
    return nullptr;
}

std::shared_ptr<const snapshot> make_snapshot(runtime_config config, const snapshot* before)
{
    auto made = std::make_shared<snapshot>();
    made->config = std::move(config);
    const bool same = before != nullptr && *before->dnsbl_sites == made->config.dnsbl_sites;
    made->dnsbl_sites = same ? before->dnsbl_sites
                             : std::make_shared<const dnsbl::site_set>(made->config.dnsbl_sites);
    made->list_states =
        same ? before->list_states
             : std::make_shared<io::list_states>(
                   *made->dnsbl_sites, before == nullptr ? nullptr : before->list_states.get());
    const bool same_backend = before != nullptr &&
                              before->config.backend.kind == made->config.backend.kind &&
                              before->config.backend.address == made->config.backend.address;
    made->backend_address = same_backend ? before->backend_address : address_of(made->config);
    made->backend = make_connector(made->config, made->backend_address);
    made->backend_health =
        same_backend ? before->backend_health : std::make_shared<backend_state>();
    made->identity = same_backend ? before->identity : std::make_shared<backend_identity>();
    made->offers = same_backend ? before->offers : std::make_shared<backend_offers>();
    made->network_rate = network_rate_of(made->config, before);
    if (made->config.backend.tls != smtp::backend_tls::none)
        made->backend_tls = io::tls_context::for_client();
    return made;
}

} // namespace fendmail::app

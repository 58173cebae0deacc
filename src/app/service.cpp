// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/service.hpp"

#include "fendmail/core/assert.hpp"
#include "fendmail/io/fdpass_backend.hpp"
#include "fendmail/io/relay_backend.hpp"

#include <utility>

namespace fendmail::app {

namespace {

std::unique_ptr<io::backend> make_relay(const runtime_config& config,
                                        std::shared_ptr<io::backend_address> where,
                                        io::introduction how)
{
    const backend_options& from = config.backend;
    io::relay_backend_options options;
    options.name = from.address;
    options.tcp = std::move(where);
    options.unix_path = from.unix_path;
    options.how = how;
    options.hostname = config.hostname;
    options.connect_timeout = from.connect_timeout;
    options.greeting_timeout = from.greeting_timeout;
    options.idle_timeout = from.idle_timeout;
    options.is_guarded = from.data == backend_data::strict;
    return std::make_unique<io::relay_backend>(std::move(options));
}

/// Of a name nothing yet.
std::shared_ptr<io::backend_address> address_of(const runtime_config& config)
{
    const backend_options& of = config.backend;
    if (!of.unix_path.empty()) return nullptr;
    if (of.host) return std::make_shared<io::backend_address>();
    return std::make_shared<io::backend_address>(io::backend_address::endpoints{of.tcp});
}

} // namespace

std::unique_ptr<io::backend> make_backend(const runtime_config& config,
                                          std::shared_ptr<io::backend_address> where)
{
    switch (config.backend.kind) {
    case backend_kind::postfix_pass:
        return std::make_unique<io::fdpass_backend>(
            config.backend.address, config.backend.unix_path, config.backend.connect_timeout,
            config.backend.greeting_timeout, config.backend.idle_timeout);
    case backend_kind::proxy_v2:
        return make_relay(config, std::move(where), io::introduction::proxy_v2);
    case backend_kind::proxy_v1:
        return make_relay(config, std::move(where), io::introduction::proxy_v1);
    case backend_kind::xclient:
        return make_relay(config, std::move(where), io::introduction::xclient);
    case backend_kind::plain: return make_relay(config, std::move(where), io::introduction::none);
    }
    FENDMAIL_ASSERT(false);
    return nullptr;
}

std::shared_ptr<const service> make_service(runtime_config config, const service* before)
{
    auto made = std::make_shared<service>();
    made->config = std::move(config);
    const bool same = before != nullptr && *before->dnsbl_sites == made->config.dnsbl_sites;
    made->dnsbl_sites = same ? before->dnsbl_sites
                             : std::make_shared<const dnsbl::site_set>(made->config.dnsbl_sites);
    made->zone_states =
        same ? before->zone_states : std::make_shared<io::zone_states>(*made->dnsbl_sites);
    const bool same_backend = before != nullptr &&
                              before->config.backend.kind == made->config.backend.kind &&
                              before->config.backend.address == made->config.backend.address;
    made->backend_address = same_backend ? before->backend_address : address_of(made->config);
    made->backend = make_backend(made->config, made->backend_address);
    made->backend_health =
        same_backend ? before->backend_health : std::make_shared<backend_state>();
    made->identity = same_backend ? before->identity : std::make_shared<backend_identity>();
    made->offers = same_backend ? before->offers : std::make_shared<backend_offers>();
    if (made->config.backend.tls != smtp::backend_tls::none)
        made->backend_tls = io::tls_context::for_client();
    return made;
}

} // namespace fendmail::app

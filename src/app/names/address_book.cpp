// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/names/address_book.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace fendmail::app {

namespace {

/// Every name server of the configuration.
dns::server_list resolvers_of(const runtime_config& config)
{
    auto all = config.resolvers;
    for (const auto& zone : config.dnsbl_sites.zones)
        all.insert(all.end(), zone.resolvers.begin(), zone.resolvers.end());
    return all;
}

std::vector<host_names::wanted> names_of(const runtime_config& config)
{
    std::vector<host_names::wanted> all;
    if (config.backend.host)
        all.push_back({config.backend.host->name, "backend.address", "clients get 421"});
    for (const auto& one : resolvers_of(config))
        if (const auto* const host = std::get_if<dns::named_host>(&one))
            all.push_back({host->name, "dnsbl.resolvers", "it is not asked"});
    return all;
}

/// A name is looked up through the name servers of resolv.conf.
bool asks_system(const runtime_config& config)
{
    if (!names_of(config).empty()) return true;
    if (!config.resolvers.empty()) return false;
    const auto& zones = config.dnsbl_sites.zones;
    return config.screening.names.ask_dns() || !config.known_senders.domains.empty() ||
           std::ranges::any_of(zones, [](const auto& zone) { return zone.resolvers.empty(); });
}

} // namespace

address_book::address_book(boost::asio::io_context& context, event_sink& events, publisher publish)
    : publish_{std::move(publish)}
    , system_{context, events, [this] { on_system_change(); }}
    , hosts_{context, events, io::server_book{system_.servers(), {}}, [this] { update(); }}
{
    book_ = std::make_shared<const io::server_book>(io::server_book{system_.servers(), {}});
}

void address_book::configure(std::shared_ptr<const snapshot> what)
{
    snapshot_ = std::move(what);
    system_.set_in_use(asks_system(snapshot_->config));
    system_.look();
    hosts_.use({system_.servers(), {}}, system_.file());
    hosts_.want(names_of(snapshot_->config));
    update();
}

void address_book::stop() noexcept
{
    system_.stop();
    hosts_.stop();
}

void address_book::on_system_change()
{
    hosts_.use({system_.servers(), {}}, system_.file());
    update();
}

void address_book::update()
{
    if (!snapshot_) return;
    if (const auto& host = snapshot_->config.backend.host) {
        const auto found = hosts_.known().find(host->name);
        if (found != hosts_.known().end()) {
            io::backend_address::endpoints all;
            for (const auto& address : found->second)
                all.push_back({address, host->port});
            if (all != *snapshot_->backend_address->now())
                snapshot_->backend_address->set(std::move(all));
        }
    }
    io::server_book fresh{system_.servers(), hosts_.known()};
    if (fresh == *book_) return;
    book_ = std::make_shared<const io::server_book>(std::move(fresh));
    publish_(book_);
}

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/abuse/abuse_watch.hpp"

#include "fendmail/io/os/clock.hpp"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <utility>

namespace fendmail::app {

namespace {

throttle::hash_seed random_seed() noexcept
{
    throttle::hash_seed seed{};
    arc4random_buf(seed.data(), sizeof seed);
    return seed;
}

network client_of(const ip_address& address, unsigned ipv6_prefix) noexcept
{
    return network_of(address, address.is_v4() ? 32 : ipv6_prefix);
}

} // namespace

abuse_watch::abuse_watch(io::deadline_queue& deadlines, std::function<void(reports)> send,
                         std::size_t workers)
    : send_{std::move(send)}
    , workers_{std::max<std::size_t>(workers, 1)}
    , secret_{random_seed()}
    , due_{deadlines, *this}
{
}

void abuse_watch::configure(const runtime_config& config, std::shared_ptr<shared_meter> of_networks)
{
    client_ipv6_prefix_ = config.limits.ipv6_prefix;
    networks_ = std::move(of_networks);
    if (!meters_.empty() && rules_ == config.rates) return;
    // What was counted before says nothing about other budgets.
    const bool is_same_size = rules_.table_size == config.rates.table_size;
    std::vector<throttle::meter> fresh;
    fresh.reserve(abuse::rate_count);
    for (const auto which : abuse::all_rates) {
        const budget each = which == abuse::rate::network ? budget{} : config.rates.of(which);
        if (is_same_size && !meters_.empty() && meter_of(which).each() == each)
            fresh.push_back(std::move(meter_of(which)));
        else
            fresh.emplace_back(each, config.rates.table_size / workers_, secret_);
    }
    meters_ = std::move(fresh);
    rules_ = config.rates;
}

std::optional<abuse_watch::excess> abuse_watch::on_connection(const ip_address& client,
                                                              tick now) noexcept
{
    auto found = on(abuse::rate::connections, client, now);
    if (!networks_) return found;
    const network around = network_of(client, client.is_v4() ? rules_.ipv4_network_prefix
                                                             : rules_.ipv6_network_prefix);
    if (!networks_->press(around, now) && !found)
        found = excess{abuse::rate::network, around, networks_->each()};
    return found;
}

std::optional<abuse_watch::excess> abuse_watch::on(abuse::rate which, const ip_address& client,
                                                   tick now) noexcept
{
    if (meters_.empty() || rules_.of(which).is_off()) return std::nullopt;
    const network who = client_of(client, client_ipv6_prefix_);
    if (meter_of(which).press(who, now)) return std::nullopt;
    return excess{which, who, rules_.of(which)};
}

void abuse_watch::report(const client_report& what) noexcept
try {
    if (waiting_.size() >= reports_max) {
        ++lost_;
        return;
    }
    waiting_.push_back(what);
    if (std::exchange(is_armed_, true)) return;
    due_.set(io::steady_now() + reports_delay);
} catch (const std::exception&) {
    ++lost_; // no memory
}

void abuse_watch::wake() noexcept
try {
    is_armed_ = false;
    send_(std::exchange(waiting_, {}));
} catch (const std::exception&) {
    ++lost_;
}

abuse_watch::figures abuse_watch::counts() const noexcept
{
    figures all{0, lost_};
    for (const auto& one : meters_)
        all.evicted_busy += one.evicted_busy();
    return all;
}

} // namespace fendmail::app

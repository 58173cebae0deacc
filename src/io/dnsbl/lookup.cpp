// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/dnsbl/lookup.hpp"

#include "client_lookup.hpp"
#include "fendmail/core/assert.hpp"
#include "fendmail/core/dnsbl/private_address.hpp"
#include "fendmail/io/os/clock.hpp"

#include <algorithm>
#include <chrono>
#include <unordered_map>
#include <utility>

namespace fendmail::io {

struct dnsbl_lookup::subscription::state : lookup_listener {
    using lookup_listener::lookup_listener;
    bool is_own = true;
};

struct dnsbl_lookup::impl final : lookup_owner {
    impl(boost::asio::io_context& where, event_sink& to, deadline_queue& deadlines,
         resolver_pool& resolvers)
        : sink{&to}
        , with{where, dnsbl_events{to}, deadlines, resolvers, {}, {}}
    {
    }
    impl(const impl&) = delete;
    impl& operator=(const impl&) = delete;
    ~impl()
    {
        // Subscriptions may hold lookups longer than we live.
        for (const auto& [key, what] : running)
            what->end();
    }

    /// The running lookup, or a new one.
    [[nodiscard]] std::shared_ptr<client_lookup> find_or_start(client_lookup::about what)
    {
        auto& place = running[{what.client, what.sites.get()}];
        if (place) return place;
        auto fresh = std::make_shared<client_lookup>(*this, with, std::move(what));
        place = fresh;
        fresh->begin();
        return fresh;
    }

    /// Each of those that these lists are asked through.
    void watch_resolvers(const dnsbl::site_set& sites, const std::shared_ptr<list_states>& states)
    {
        with.watched_resolvers.clear();
        std::vector<std::shared_ptr<resolver>> seen;
        for (std::size_t zone = 0; zone < sites.zones.size(); ++zone) {
            const auto one = with.resolvers.of(sites.zones[zone]);
            if (std::ranges::find(seen, one) != seen.end()) continue;
            seen.push_back(one);
            with.watched_resolvers.push_back(
                std::make_unique<resolver_watch>(one, *sink, with.deadlines, states, zone));
        }
    }

    /// What is to be looked up for a client, which may be another one of its network.
    [[nodiscard]] client_lookup::about about_of(const ip_address& client,
                                                std::shared_ptr<const dnsbl::site_set> sites,
                                                milliseconds timeout, const lookup_hints& more,
                                                tick now)
    {
        client_lookup::about what{client, std::move(sites), timeout, more.is_known, more.limits};
        // Without lists a lookup asks nothing, and costs nothing.
        const bool is_free = asks_nobody(what) || has(client, what.sites, now);
        if (!more.neighbours || is_free) return what;
        what.of = *more.neighbours;
        if (with.budgets.take(what.of, now)) return what;
        if (client.is_v6() && share(what, now)) return what;
        what.is_over = true;
        return what;
    }

    [[nodiscard]] static bool asks_nobody(const client_lookup::about& what)
    {
        return what.sites->empty() ||
               (dnsbl::is_private(what.client) &&
                std::ranges::none_of(what.sites->zones,
                                     [](const auto& zone) { return zone.asks_private; }));
    }

    [[nodiscard]] bool has(const ip_address& client,
                           const std::shared_ptr<const dnsbl::site_set>& sites, tick now)
    {
        const lookup_key key{client, sites.get()};
        return running.contains(key) || kept.find(key, now) != nullptr;
    }

    /// One client of the network stands for all; now and then another one.
    [[nodiscard]] bool share(client_lookup::about& what, tick now)
    {
        const auto known = with.budgets.representative(what.of);
        if (known && has(known->who, what.sites, now)) {
            what.client = known->who;
            return true;
        }
        if (known && now < known->until) return false;
        with.budgets.name_representative(what.of, what.client, now);
        what.is_shared = true;
        return true;
    }

    void on_over(const client_lookup& what, const lookup_result* found) override
    {
        running.erase(what.key());
        if (found == nullptr) return;
        auto holds = what.keep_time();
        if (what.is_shared()) holds = std::max(holds, network_budgets::shared_spacing);
        if (holds > seconds{0}) kept.add(what.client(), *found, holds);
    }

    event_sink* sink;
    lookup_services with;
    std::unordered_map<lookup_key, std::shared_ptr<client_lookup>, lookup_key_hash> running;
    lookup_cache kept;
};

dnsbl_lookup::subscription::subscription() noexcept = default;
dnsbl_lookup::subscription::subscription(subscription&&) noexcept = default;
dnsbl_lookup::subscription&
dnsbl_lookup::subscription::operator=(subscription&&) noexcept = default;
dnsbl_lookup::subscription::~subscription() = default;

bool dnsbl_lookup::subscription::done() const noexcept
{
    return !state_ || !state_->of;
}

bool dnsbl_lookup::subscription::is_certain() const noexcept
{
    return state_ && state_->is_certain();
}

bool dnsbl_lookup::subscription::is_own() const noexcept
{
    return !state_ || state_->is_own;
}

dnsbl::score_bounds dnsbl_lookup::subscription::bounds() const noexcept
{
    return state_ ? state_->bounds() : dnsbl::score_bounds{};
}

dnsbl::score dnsbl_lookup::subscription::score() const noexcept
{
    if (!state_) return {};
    return state_->of ? state_->of->score() : state_->found;
}

std::shared_ptr<const std::string> dnsbl_lookup::subscription::listings() const noexcept
{
    if (!state_) return nullptr;
    return state_->of ? state_->of->listings() : state_->listings;
}

dnsbl_lookup::dnsbl_lookup(boost::asio::io_context& context, event_sink& events,
                           deadline_queue& deadlines, resolver_pool& resolvers)
    : impl_{std::make_unique<impl>(context, events, deadlines, resolvers)}
{
}

dnsbl_lookup::~dnsbl_lookup() = default;

dnsbl_lookup::subscription dnsbl_lookup::join(const ip_address& client,
                                              std::shared_ptr<const dnsbl::site_set> sites,
                                              milliseconds timeout, waiter* who,
                                              const lookup_hints& more)
{
    FENDMAIL_ASSERT(sites != nullptr);
    subscription joined;
    joined.state_ = std::make_unique<subscription::state>(who, more.limits);
    auto& state = *joined.state_;
    const tick now = steady_now();
    auto about = impl_->about_of(client, std::move(sites), timeout, more, now);
    state.is_own = about.client == client;
    if (const auto* const kept = impl_->kept.find({about.client, about.sites.get()}, now)) {
        state.sites = kept->sites;
        state.found = kept->score;
        state.listings = kept->listings;
        const auto age = std::chrono::ceil<seconds>(now - kept->finished);
        if (state.found.ttl) *state.found.ttl = std::max(seconds{0}, *state.found.ttl - age);
        return joined;
    }
    const auto what = impl_->find_or_start(std::move(about));
    if (what->is_done()) { // no list had to be asked
        state.sites = what->sites();
        state.found = what->score();
        state.listings = what->listings();
        return joined;
    }
    what->add(state);
    return joined;
}

std::shared_ptr<const std::string> dnsbl_lookup::cached_listings(const ip_address& client,
                                                                 const dnsbl::site_set& sites)
{
    const auto* const kept = impl_->kept.find({client, &sites}, steady_now());
    return kept == nullptr ? nullptr : kept->listings;
}

void dnsbl_lookup::watch(std::shared_ptr<const dnsbl::site_set> sites,
                         std::shared_ptr<list_states> states, milliseconds timeout,
                         const dnsbl::health_timing& timing)
{
    FENDMAIL_ASSERT(sites != nullptr && states != nullptr);
    impl_->with.resolvers.prepare(*sites);
    impl_->watch_resolvers(*sites, states);
    impl_->with.watch.reset();
    if (timing.interval <= milliseconds{0}) return;
    list_monitor::surroundings with{};
    with.events = impl_->sink;
    with.deadlines = &impl_->with.deadlines;
    with.resolvers = &impl_->with.resolvers;
    with.timeout = timeout;
    with.timing = timing;
    impl_->with.watch = std::make_shared<list_monitors>(with, std::move(sites), std::move(states));
}

void dnsbl_lookup::keep_only(const dnsbl::site_set& sites)
{
    impl_->kept.keep_only(sites);
}

std::size_t dnsbl_lookup::kept() const noexcept
{
    return impl_->kept.size();
}

std::size_t dnsbl_lookup::running() const noexcept
{
    return impl_->running.size();
}

} // namespace fendmail::io

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/dnsbl_lookup.hpp"

#include "dnsbl_events.hpp"
#include "fendmail/core/assert.hpp"
#include "fendmail/core/dnsbl/query_name.hpp"
#include "fendmail/core/limits.hpp"
#include "fendmail/io/clock.hpp"
#include "fendmail/io/deadline_queue.hpp"
#include "fendmail/io/resolver.hpp"

#include <algorithm>
#include <boost/intrusive/list.hpp>
#include <boost/intrusive/list_hook.hpp>
#include <chrono>
#include <list>
#include <optional>
#include <unordered_map>
#include <utility>

namespace fendmail::io {
namespace {

namespace intrusive = boost::intrusive;

/// Lists change by the hour; a TTL of days is somebody's mistake.
constexpr seconds keep_time_max = std::chrono::hours{1};

using leaves_by_itself = intrusive::list_base_hook<intrusive::link_mode<intrusive::auto_unlink>>;

dnsbl::zone_answer::outcome to_outcome(dns_answer::outcome what) noexcept
{
    switch (what) {
    case dns_answer::outcome::found: return dnsbl::zone_answer::outcome::found;
    case dns_answer::outcome::not_found: return dnsbl::zone_answer::outcome::not_found;
    case dns_answer::outcome::failed: return dnsbl::zone_answer::outcome::failed;
    }
    return dnsbl::zone_answer::outcome::failed;
}

struct lookup_key {
    ip_address client;
    const dnsbl::site_set* sites; // each lookup holds its set, so the address stays unique
    friend bool operator==(const lookup_key&, const lookup_key&) = default;
};

struct lookup_key_hash {
    std::size_t operator()(const lookup_key& key) const noexcept
    {
        return std::hash<ip_address>{}(key.client) ^ std::hash<const void*>{}(key.sites);
    }
};

} // namespace

/// What a subscription holds. It is linked while somebody waits, and leaves the list by being
/// destroyed, wherever that happens.
struct dnsbl_lookup::subscription::state : leaves_by_itself {
    state(std::shared_ptr<lookup> what, waiter* waiting, seconds passed) noexcept
        : of{std::move(what)}
        , who{waiting}
        , age{passed}
    {
    }
    std::shared_ptr<lookup> of;
    waiter* who;
    seconds age; // of the lookup when this began
};

/// All zones about one client. Owned by `impl` while it runs or is kept, and by subscriptions.
struct dnsbl_lookup::lookup final : waiter, std::enable_shared_from_this<lookup> {
    using waiting_list =
        intrusive::list<subscription::state, intrusive::base_hook<leaves_by_itself>,
                        intrusive::constant_time_size<false>>;

    lookup(impl& in, const ip_address& about, std::shared_ptr<const dnsbl::site_set> zones);
    lookup(const lookup&) = delete;
    lookup& operator=(const lookup&) = delete;
    ~lookup() = default;

    void on_answer(std::size_t zone, const dns_answer& answer);
    /// The time is up.
    void wake() noexcept override;
    void finish();
    void note_ttl(std::optional<seconds> ttl) noexcept;
    void note_unreached(std::string_view reason) noexcept;
    [[nodiscard]] seconds keep_time() const noexcept;
    [[nodiscard]] lookup_key key() const noexcept { return {client, sites.get()}; }

    impl* owner;
    ip_address client;
    std::shared_ptr<const dnsbl::site_set> sites;
    dnsbl::scoreboard board;
    std::shared_ptr<resolver> with; // until done
    deadline time_limit;
    tick started;
    tick finished{};
    std::size_t unreached = 0; // zones for which no resolver answered anything
    std::string_view unreached_reason;
    std::optional<seconds> shortest_ttl;
    bool ttl_unknown = false;
    bool done = false;
    waiting_list waiting;
    std::list<std::shared_ptr<lookup>>::iterator kept_at{}; // valid while kept
};

struct dnsbl_lookup::impl {
    impl(boost::asio::io_context& where, event_sink& sink, const std::vector<std::string>& servers)
        : context{where}
        , events{sink}
        , deadlines{where}
        , current{std::make_shared<resolver>(where, servers)}
    {
    }
    impl(const impl&) = delete;
    impl& operator=(const impl&) = delete;
    ~impl();

    /// The running or kept lookup, none when it has outlived its answers.
    [[nodiscard]] std::shared_ptr<lookup> find(const lookup_key& key, tick now);
    [[nodiscard]] std::shared_ptr<lookup> start(const ip_address& client,
                                                std::shared_ptr<const dnsbl::site_set> sites,
                                                milliseconds timeout);
    /// Takes a lookup that is done off the running ones and keeps it if it may be kept.
    void retire(lookup& what, tick now);
    void forget(lookup& what);

    boost::asio::io_context& context;
    dnsbl_events events;
    deadline_queue deadlines;
    std::shared_ptr<resolver> current;
    std::unordered_map<lookup_key, std::shared_ptr<lookup>, lookup_key_hash> lookups;
    std::list<std::shared_ptr<lookup>> kept; // done, oldest first; all of them are in `lookups`
    tick last_contact = tick::min();         // with any resolver
};

// ── one lookup ────────────────────────────────────────────────────────────────────────────────

dnsbl_lookup::lookup::lookup(impl& in, const ip_address& about,
                             std::shared_ptr<const dnsbl::site_set> zones)
    : owner{&in}
    , client{about}
    , sites{std::move(zones)}
    , board{*sites}
    , with{in.current}
    , time_limit{in.deadlines, *this}
    , started{steady_now()}
{
}

void dnsbl_lookup::lookup::on_answer(std::size_t zone, const dns_answer& answer)
{
    if (done) return; // too late: the session has decided without it
    const auto& name = sites->zones[zone].reply_name; // the zone itself may hold a key
    const tick now = steady_now();
    if (answer.what == dns_answer::outcome::failed)
        owner->events.failed(client, name, answer.reason, now);
    for (const auto& address : answer.addresses)
        owner->events.answered(client, name, address, now);
    if (!answer.reached) note_unreached(answer.reason);
    note_ttl(answer.ttl);
    board.on_answer(zone, {to_outcome(answer.what), answer.addresses, answer.ttl});
    if (board.all_answered()) finish();
}

void dnsbl_lookup::lookup::wake() noexcept
{
    const tick now = steady_now();
    for (std::size_t zone = 0; zone < sites->zones.size(); ++zone) {
        if (board.has_answer(zone)) continue;
        note_unreached("timeout");
        owner->events.failed(client, sites->zones[zone].reply_name, "timeout", now);
        board.on_answer(zone, {});
    }
    finish();
}

void dnsbl_lookup::lookup::finish()
{
    const auto self = shared_from_this(); // the last subscription may go in a wake()
    finished = steady_now();
    done = true;
    time_limit.clear();
    with.reset();
    // Silence about all zones is the resolver's, unless it said something to others meanwhile.
    if (!sites->empty() && unreached == sites->zones.size() && owner->last_contact < started)
        owner->events.unavailable(unreached_reason, finished);
    owner->retire(*this, finished);
    // One at a time from the front: whoever is woken may drop any subscription, or make new ones.
    while (!waiting.empty()) {
        waiter* const who = waiting.front().who;
        waiting.pop_front();
        if (who != nullptr) who->wake();
    }
}

void dnsbl_lookup::lookup::note_ttl(std::optional<seconds> ttl) noexcept
{
    ttl_unknown = ttl_unknown || !ttl;
    if (ttl) shortest_ttl = std::min(*ttl, shortest_ttl.value_or(keep_time_max));
}

void dnsbl_lookup::lookup::note_unreached(std::string_view reason) noexcept
{
    // The first reason: a refusal, which says more than a timeout, comes before it.
    if (unreached == 0) unreached_reason = reason;
    ++unreached;
}

seconds dnsbl_lookup::lookup::keep_time() const noexcept
{
    if (!board.current().complete || ttl_unknown) return seconds{0};
    return shortest_ttl.value_or(seconds{0});
}

// ── all lookups of a worker ───────────────────────────────────────────────────────────────────

dnsbl_lookup::impl::~impl()
{
    // Subscriptions may hold lookups longer than we live; their resolvers must not call us.
    for (const auto& [key, what] : lookups) {
        what->waiting.clear();
        what->with.reset();
    }
}

std::shared_ptr<dnsbl_lookup::lookup> dnsbl_lookup::impl::find(const lookup_key& key, tick now)
{
    const auto found = lookups.find(key);
    if (found == lookups.end()) return nullptr;
    auto what = found->second;
    if (!what->done || now < what->finished + what->keep_time()) return what;
    forget(*what);
    return nullptr;
}

std::shared_ptr<dnsbl_lookup::lookup>
dnsbl_lookup::impl::start(const ip_address& client, std::shared_ptr<const dnsbl::site_set> sites,
                          milliseconds timeout)
{
    auto what = std::make_shared<lookup>(*this, client, std::move(sites));
    lookups.emplace(what->key(), what);
    what->time_limit.set(what->started + timeout);
    for (std::size_t zone = 0; zone < what->sites->zones.size(); ++zone)
        what->with->query_a(dnsbl::query_name(client, what->sites->zones[zone].zone),
                            [this, zone, weak = std::weak_ptr{what}](const dns_answer& answer) {
                                if (answer.reached) last_contact = steady_now();
                                if (const auto asking = weak.lock())
                                    asking->on_answer(zone, answer);
                            });
    if (what->sites->empty()) what->finish();
    return what;
}

void dnsbl_lookup::impl::retire(lookup& what, tick now)
{
    if (what.keep_time() <= seconds{0}) {
        lookups.erase(what.key());
        return;
    }
    what.kept_at = kept.insert(kept.end(), what.shared_from_this());
    while (kept.size() > limits::dnsbl_finished_lookups ||
           kept.front()->finished + kept.front()->keep_time() <= now)
        forget(*kept.front());
}

void dnsbl_lookup::impl::forget(lookup& what)
{
    lookups.erase(what.key());
    kept.erase(what.kept_at); // may destroy `what`
}

// ── public ────────────────────────────────────────────────────────────────────────────────────

dnsbl_lookup::subscription::subscription() noexcept = default;
dnsbl_lookup::subscription::subscription(subscription&&) noexcept = default;
dnsbl_lookup::subscription&
dnsbl_lookup::subscription::operator=(subscription&&) noexcept = default;
dnsbl_lookup::subscription::~subscription() = default;

bool dnsbl_lookup::subscription::done() const noexcept
{
    return !state_ || state_->of->done;
}

dnsbl::score dnsbl_lookup::subscription::score() const noexcept
{
    if (!state_) return {};
    auto now = state_->of->board.current();
    if (now.ttl) now.ttl = std::max(seconds{0}, *now.ttl - state_->age);
    return now;
}

dnsbl_lookup::dnsbl_lookup(boost::asio::io_context& context, event_sink& events,
                           const std::vector<std::string>& resolvers)
    : impl_{std::make_unique<impl>(context, events, resolvers)}
{
}

dnsbl_lookup::~dnsbl_lookup() = default;

dnsbl_lookup::subscription dnsbl_lookup::join(const ip_address& client,
                                              std::shared_ptr<const dnsbl::site_set> sites,
                                              milliseconds timeout, waiter* who)
{
    FENDMAIL_ASSERT(sites != nullptr);
    const tick now = steady_now();
    auto what = impl_->find({client, sites.get()}, now);
    if (!what) what = impl_->start(client, std::move(sites), timeout);
    const auto age = what->done ? std::chrono::ceil<seconds>(now - what->finished) : seconds{0};

    subscription joined;
    joined.state_ = std::make_unique<subscription::state>(what, who, std::max(age, seconds{0}));
    if (!what->done) what->waiting.push_back(*joined.state_);
    return joined;
}

void dnsbl_lookup::set_resolvers(const std::vector<std::string>& resolvers)
{
    impl_->current = std::make_shared<resolver>(impl_->context, resolvers);
}

void dnsbl_lookup::keep_only(const dnsbl::site_set& sites)
{
    for (auto next = impl_->kept.begin(); next != impl_->kept.end();) {
        lookup& what = **next++;
        if (what.sites.get() != &sites) impl_->forget(what);
    }
}

std::size_t dnsbl_lookup::kept() const noexcept
{
    return impl_->kept.size();
}

std::size_t dnsbl_lookup::running() const noexcept
{
    return impl_->lookups.size() - impl_->kept.size();
}

} // namespace fendmail::io

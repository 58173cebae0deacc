// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/dnsbl_lookup.hpp"

#include "dns_outcome.hpp"
#include "dnsbl_events.hpp"
#include "fendmail/core/assert.hpp"
#include "fendmail/core/dnsbl/query_name.hpp"
#include "fendmail/core/limits.hpp"
#include "fendmail/io/clock.hpp"
#include "fendmail/io/deadline_queue.hpp"
#include "fendmail/io/resolver.hpp"
#include "resolver_pool.hpp"
#include "zone_watch.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/intrusive/list.hpp>
#include <boost/intrusive/list_hook.hpp>
#include <chrono>
#include <list>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

namespace fendmail::io {
namespace {

namespace intrusive = boost::intrusive;

/// Lists change by the hour; a TTL of days is somebody's mistake.
constexpr seconds keep_time_max = std::chrono::hours{1};

using leaves_by_itself = intrusive::list_base_hook<intrusive::link_mode<intrusive::auto_unlink>>;

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
    state(std::shared_ptr<lookup> what, waiter* waiting, seconds passed,
          std::optional<dnsbl::score_limits> decisive) noexcept
        : of{std::move(what)}
        , who{waiting}
        , age{passed}
        , limits{decisive}
    {
    }
    [[nodiscard]] bool is_certain() const noexcept;

    std::shared_ptr<lookup> of;
    waiter* who;
    seconds age; // of the lookup when this began
    std::optional<dnsbl::score_limits> limits;
    bool was_certain = false; // and has been woken for it, or need not be
};

/// All zones about one client. Owned by `impl` while it runs or is kept, and by subscriptions.
struct dnsbl_lookup::lookup final : waiter, std::enable_shared_from_this<lookup> {
    using waiting_list =
        intrusive::list<subscription::state, intrusive::base_hook<leaves_by_itself>,
                        intrusive::constant_time_size<false>>;

    lookup(impl& in, const ip_address& about, std::shared_ptr<const dnsbl::site_set> zones,
           milliseconds limit, bool is_known);
    lookup(const lookup&) = delete;
    lookup& operator=(const lookup&) = delete;
    ~lookup() = default;

    void ask();
    void on_answer(std::size_t zone, const dns_answer& answer);
    void on_confirmed(std::size_t zone, bool is_confirmed);
    /// The time of some zone is up.
    void wake() noexcept override;
    void ask_for_rates(std::size_t zone);
    void report(zone_keeper& keeper, const dns_answer& answer, bool is_listing, tick now) const;
    void count(std::size_t zone, const dns_answer& answer, tick now);
    void fail(std::size_t zone, std::string_view reason, tick now);
    void skip(std::size_t zone);
    void finish_or_wake();
    void wake_certain();
    void finish();
    [[nodiscard]] dnsbl::answer_kind kind_of(std::size_t zone, const ip_address& address) const;
    [[nodiscard]] bool has_listing(std::size_t zone, const dns_answer& answer) const;
    [[nodiscard]] tick due(std::size_t zone) const noexcept;
    void set_time_limit();
    void note_ttl(std::optional<seconds> ttl) noexcept;
    void note_unreached(std::string_view reason) noexcept;
    [[nodiscard]] seconds keep_time() const noexcept;
    [[nodiscard]] lookup_key key() const noexcept { return {client, sites.get()}; }

    impl* owner;
    ip_address client;
    std::shared_ptr<const dnsbl::site_set> sites;
    dnsbl::scoreboard board;
    std::vector<std::shared_ptr<resolver>> with; // until done
    std::shared_ptr<zone_watch> watched;         // null if the set is not
    bool is_counted = false;                     // in the rates of the lists
    bool is_known;
    deadline time_limit;
    tick started;
    milliseconds timeout;
    std::map<std::size_t, dns_answer> unconfirmed; // listings, by zone
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
    impl(boost::asio::io_context& where, event_sink& to, const std::vector<std::string>& servers)
        : context{where}
        , sink{&to}
        , events{to}
        , deadlines{where}
        , resolvers{where, servers}
    {
    }
    impl(const impl&) = delete;
    impl& operator=(const impl&) = delete;
    ~impl();

    /// The running or kept lookup, none when it has outlived its answers.
    [[nodiscard]] std::shared_ptr<lookup> find(const lookup_key& key, tick now);
    [[nodiscard]] std::shared_ptr<lookup> start(const ip_address& client,
                                                std::shared_ptr<const dnsbl::site_set> sites,
                                                milliseconds timeout, bool is_known);
    /// Takes a lookup that is done off the running ones and keeps it if it may be kept.
    void retire(lookup& what, tick now);
    void forget(lookup& what);
    /// Never within a keeper: the last lookup of a set that is no longer watched ends the watch.
    void let_go(std::shared_ptr<zone_watch> watched)
    {
        if (watched.use_count() == 1) boost::asio::post(context, [last = std::move(watched)] {});
    }

    boost::asio::io_context& context;
    event_sink* sink;
    dnsbl_events events;
    deadline_queue deadlines;
    resolver_pool resolvers;
    std::shared_ptr<zone_watch> watch;
    std::unordered_map<lookup_key, std::shared_ptr<lookup>, lookup_key_hash> lookups;
    std::list<std::shared_ptr<lookup>> kept; // done, oldest first; all of them are in `lookups`
    tick last_contact = tick::min();         // with any resolver
};

// ── one lookup ────────────────────────────────────────────────────────────────────────────────

bool dnsbl_lookup::subscription::state::is_certain() const noexcept
{
    return limits && dnsbl::certainty_of(of->board.bounds(), *limits) != dnsbl::certainty::open;
}

dnsbl_lookup::lookup::lookup(impl& in, const ip_address& about,
                             std::shared_ptr<const dnsbl::site_set> zones, milliseconds limit,
                             bool was_known)
    : owner{&in}
    , client{about}
    , sites{std::move(zones)}
    , board{*sites}
    , watched{in.watch && in.watch->is_of(sites.get()) ? in.watch : nullptr}
    , is_counted{watched && watched->is_new(about)}
    , is_known{was_known}
    , time_limit{in.deadlines, *this}
    , started{steady_now()}
    , timeout{limit}
{
}

void dnsbl_lookup::lookup::ask()
{
    for (std::size_t zone = 0; zone < sites->zones.size(); ++zone) {
        if (watched && !(*watched)[zone].is_good()) {
            if ((*watched)[zone].is_asked() && is_counted) ask_for_rates(zone);
            skip(zone);
            continue;
        }
        auto asked = owner->resolvers.of(sites->zones[zone]);
        if (std::ranges::find(with, asked) == with.end()) with.push_back(asked);
        asked->query_a(dnsbl::query_name(client, sites->zones[zone].zone),
                       [in = owner, zone, weak = weak_from_this()](const dns_answer& answer) {
                           if (answer.reached) in->last_contact = steady_now();
                           if (const auto asking = weak.lock()) asking->on_answer(zone, answer);
                       });
    }
    set_time_limit();
    if (board.all_answered()) finish();
}

/// Asks a list that does not count, and for which nobody waits: its rates are to bring it back.
void dnsbl_lookup::lookup::ask_for_rates(std::size_t zone)
{
    const auto& entry = sites->zones[zone];
    owner->resolvers.of(entry)->query_a(
        dnsbl::query_name(client, entry.zone),
        [zone, known = is_known, rules = entry.answers,
         weak = std::weak_ptr{watched}](const dns_answer& answer) {
            const auto keepers = weak.lock();
            if (!keepers || answer.what == dns_answer::outcome::failed) return;
            const bool is_listed =
                std::ranges::any_of(answer.addresses, [&](const ip_address& address) {
                    return dnsbl::classify(address, rules) == dnsbl::answer_kind::listing;
                });
            (*keepers)[zone].on_client(is_listed, known, steady_now());
        });
}

void dnsbl_lookup::lookup::on_answer(std::size_t zone, const dns_answer& answer)
{
    if (done || board.has_answer(zone)) return; // too late: it was decided without it
    const tick now = steady_now();
    const bool is_listing = has_listing(zone, answer);
    if (!watched) return count(zone, answer, now);
    zone_keeper& keeper = (*watched)[zone];
    report(keeper, answer, is_listing, now);
    if (!keeper.is_good() && answer.what != dns_answer::outcome::failed) {
        skip(zone);
        return finish_or_wake();
    }
    if (!is_listing || !keeper.can_confirm()) return count(zone, answer, now);
    unconfirmed.insert_or_assign(zone, answer);
    keeper.confirm([zone, weak = weak_from_this()](bool is_confirmed) {
        if (const auto asking = weak.lock()) asking->on_confirmed(zone, is_confirmed);
    });
}

/// What the list's keeper should know of an answer.
void dnsbl_lookup::lookup::report(zone_keeper& keeper, const dns_answer& answer, bool is_listing,
                                  tick now) const
{
    if (!is_listing && !answer.addresses.empty())
        keeper.on_odd_answer(now);
    else if (!is_counted)
        return;
    else if (answer.what == dns_answer::outcome::failed)
        keeper.on_failure(now);
    else
        keeper.on_client(is_listing, is_known, now);
}

void dnsbl_lookup::lookup::on_confirmed(std::size_t zone, bool is_confirmed)
{
    const auto found = unconfirmed.find(zone);
    if (done || found == unconfirmed.end() || board.has_answer(zone)) return;
    const auto answer = std::move(found->second);
    unconfirmed.erase(found);
    if (is_confirmed && (*watched)[zone].is_good()) {
        count(zone, answer, steady_now());
        return;
    }
    skip(zone);
    finish_or_wake();
}

void dnsbl_lookup::lookup::count(std::size_t zone, const dns_answer& answer, tick now)
{
    const auto& name = sites->zones[zone].reply_name; // the zone itself may hold a key
    if (answer.what == dns_answer::outcome::failed)
        owner->events.failed(client, name, answer.reason, now);
    for (const auto& address : answer.addresses)
        owner->events.answered(client, name, address, kind_of(zone, address), now);
    if (!answer.reached) note_unreached(answer.reason);
    note_ttl(answer.ttl);
    board.on_answer(zone, to_zone_answer(answer));
    finish_or_wake();
}

void dnsbl_lookup::lookup::wake() noexcept
{
    const auto self = shared_from_this(); // nobody else may hold it once it is done
    const tick now = steady_now();
    for (std::size_t zone = 0; zone < sites->zones.size(); ++zone) {
        if (board.has_answer(zone) || now < due(zone)) continue;
        fail(zone, unconfirmed.contains(zone) ? "its listing could not be confirmed" : "timeout",
             now);
    }
    finish_or_wake();
    if (!done) set_time_limit();
}

void dnsbl_lookup::lookup::fail(std::size_t zone, std::string_view reason, tick now)
{
    const bool has_answered = unconfirmed.contains(zone);
    if (!has_answered) note_unreached(reason);
    owner->events.failed(client, sites->zones[zone].reply_name, reason, now);
    if (watched && is_counted && !has_answered) (*watched)[zone].on_failure(now);
    skip(zone);
}

/// It says nothing about this client, and is not waited for.
void dnsbl_lookup::lookup::skip(std::size_t zone)
{
    note_ttl(std::nullopt);
    board.on_answer(zone, {});
}

void dnsbl_lookup::lookup::finish_or_wake()
{
    if (board.all_answered())
        finish();
    else
        wake_certain();
}

void dnsbl_lookup::lookup::wake_certain()
{
    const auto self = shared_from_this(); // the last subscription may go in a wake()
    const auto is_due = [](const subscription::state& one) {
        return !one.was_certain && one.is_certain();
    };
    // One at a time from the front: whoever is woken may drop any subscription, or make new ones.
    while (!done) {
        const auto next = std::find_if(waiting.begin(), waiting.end(), is_due);
        if (next == waiting.end()) return;
        next->was_certain = true;
        if (next->who != nullptr) next->who->wake();
    }
}

dnsbl::answer_kind dnsbl_lookup::lookup::kind_of(std::size_t zone, const ip_address& address) const
{
    return dnsbl::classify(address, sites->zones[zone].answers);
}

bool dnsbl_lookup::lookup::has_listing(std::size_t zone, const dns_answer& answer) const
{
    return std::ranges::any_of(answer.addresses, [&](const ip_address& address) {
        return kind_of(zone, address) == dnsbl::answer_kind::listing;
    });
}

tick dnsbl_lookup::lookup::due(std::size_t zone) const noexcept
{
    return started + sites->zones[zone].timeout.value_or(timeout);
}

void dnsbl_lookup::lookup::set_time_limit()
{
    tick first = tick::max();
    for (std::size_t zone = 0; zone < sites->zones.size(); ++zone)
        if (!board.has_answer(zone)) first = std::min(first, due(zone));
    if (first != tick::max()) time_limit.set(first);
}

void dnsbl_lookup::lookup::finish()
{
    const auto self = shared_from_this(); // the last subscription may go in a wake()
    finished = steady_now();
    done = true;
    time_limit.clear();
    unconfirmed.clear();
    with.clear();
    owner->let_go(std::exchange(watched, nullptr));
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
        what->with.clear();
        what->watched.reset(); // it uses what dies with us
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
                          milliseconds timeout, bool is_known)
{
    auto what = std::make_shared<lookup>(*this, client, std::move(sites), timeout, is_known);
    lookups.emplace(what->key(), what);
    what->ask();
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

bool dnsbl_lookup::subscription::is_certain() const noexcept
{
    return state_ && state_->is_certain();
}

dnsbl::score_bounds dnsbl_lookup::subscription::bounds() const noexcept
{
    return state_ ? state_->of->board.bounds() : dnsbl::score_bounds{};
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
                                              milliseconds timeout, waiter* who,
                                              const lookup_hints& more)
{
    FENDMAIL_ASSERT(sites != nullptr);
    const tick now = steady_now();
    auto what = impl_->find({client, sites.get()}, now);
    if (!what) what = impl_->start(client, std::move(sites), timeout, more.is_known);
    const auto age = what->done ? std::chrono::ceil<seconds>(now - what->finished) : seconds{0};

    subscription joined;
    joined.state_ =
        std::make_unique<subscription::state>(what, who, std::max(age, seconds{0}), more.limits);
    joined.state_->was_certain = joined.state_->is_certain();
    if (!what->done) what->waiting.push_back(*joined.state_);
    return joined;
}

void dnsbl_lookup::set_resolvers(const std::vector<std::string>& resolvers)
{
    impl_->resolvers.set_common(resolvers);
}

void dnsbl_lookup::watch(std::shared_ptr<const dnsbl::site_set> sites,
                         std::shared_ptr<zone_states> states, milliseconds timeout,
                         const dnsbl::health_timing& timing)
{
    FENDMAIL_ASSERT(sites != nullptr && states != nullptr);
    impl_->resolvers.prepare(*sites);
    impl_->watch.reset();
    if (timing.interval <= milliseconds{0}) return;
    zone_keeper::surroundings with{};
    with.events = impl_->sink;
    with.deadlines = &impl_->deadlines;
    with.resolvers = &impl_->resolvers;
    with.timeout = timeout;
    with.timing = timing;
    impl_->watch = std::make_shared<zone_watch>(with, std::move(sites), std::move(states));
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

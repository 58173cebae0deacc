// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/dnsbl_lookup.hpp"

#include "dns_outcome.hpp"
#include "dnsbl_events.hpp"
#include "fendmail/core/assert.hpp"
#include "fendmail/core/dnsbl/query_name.hpp"
#include "fendmail/io/clock.hpp"
#include "fendmail/io/deadline_queue.hpp"
#include "fendmail/io/resolver.hpp"
#include "kept_lookups.hpp"
#include "resolver_pool.hpp"
#include "zone_watch.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/intrusive/list.hpp>
#include <boost/intrusive/list_hook.hpp>
#include <chrono>
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

} // namespace

/// What a subscription holds. It is linked while somebody waits, and leaves the list by being
/// destroyed, wherever that happens. The lookup, which is much larger, it holds no longer than
/// that one runs: most clients wait for other things than for the lists.
struct dnsbl_lookup::subscription::state : leaves_by_itself {
    state(waiter* waiting, std::optional<dnsbl::score_limits> decisive) noexcept
        : who{waiting}
        , limits{decisive}
    {
    }
    [[nodiscard]] bool is_certain() const noexcept;
    [[nodiscard]] dnsbl::score_bounds bounds() const noexcept;

    std::shared_ptr<lookup> of;                   // while it runs
    std::shared_ptr<const dnsbl::site_set> sites; // afterwards, for `found`
    dnsbl::score found;
    waiter* who;
    std::optional<dnsbl::score_limits> limits;
    bool was_certain = false; // and has been woken for it, or need not be
};

/// All zones about one client. Owned by `impl` and by subscriptions while it runs.
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
    std::size_t unreached = 0;                     // zones for which no resolver answered anything
    std::string_view unreached_reason;
    std::optional<seconds> shortest_ttl;
    bool ttl_unknown = false;
    bool done = false;
    waiting_list waiting;
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

    /// The running lookup, or a new one.
    [[nodiscard]] std::shared_ptr<lookup>
    find_or_start(const ip_address& client, std::shared_ptr<const dnsbl::site_set> sites,
                  milliseconds timeout, bool is_known);
    /// Takes a lookup that is done off the running ones and keeps what it found if it may.
    void retire(const lookup& what, const lookup_result& found);
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
    std::unordered_map<lookup_key, std::shared_ptr<lookup>, lookup_key_hash> running;
    kept_lookups kept;
    tick last_contact = tick::min(); // with any resolver
};

// ── one lookup ────────────────────────────────────────────────────────────────────────────────

bool dnsbl_lookup::subscription::state::is_certain() const noexcept
{
    return limits && dnsbl::certainty_of(bounds(), *limits) != dnsbl::certainty::open;
}

dnsbl::score_bounds dnsbl_lookup::subscription::state::bounds() const noexcept
{
    return of ? of->board.bounds() : dnsbl::score_bounds{found.value, found.value};
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
    const lookup_result found{sites, board.current(), steady_now()};
    done = true;
    time_limit.clear();
    owner->let_go(std::exchange(watched, nullptr));
    // Silence about all zones is the resolver's, unless it said something to others meanwhile.
    if (!sites->empty() && unreached == sites->zones.size() && owner->last_contact < started)
        owner->events.unavailable(unreached_reason, found.finished);
    owner->retire(*this, found);
    // One at a time from the front: whoever is woken may drop any subscription, or make new ones.
    while (!waiting.empty()) {
        subscription::state& first = waiting.front();
        waiting.pop_front();
        first.sites = sites;
        first.found = found.score;
        first.of = nullptr;
        if (first.who != nullptr) first.who->wake();
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
    for (const auto& [key, what] : running) {
        what->waiting.clear();
        what->with.clear();
        what->watched.reset(); // it uses what dies with us
    }
}

std::shared_ptr<dnsbl_lookup::lookup>
dnsbl_lookup::impl::find_or_start(const ip_address& client,
                                  std::shared_ptr<const dnsbl::site_set> sites,
                                  milliseconds timeout, bool is_known)
{
    auto& place = running[{client, sites.get()}];
    if (place) return place;
    const auto what = std::make_shared<lookup>(*this, client, std::move(sites), timeout, is_known);
    place = what;
    what->ask();
    return what;
}

void dnsbl_lookup::impl::retire(const lookup& what, const lookup_result& found)
{
    running.erase(what.key());
    if (const auto holds = what.keep_time(); holds > seconds{0})
        kept.add(what.client, found, holds);
}

// ── public ────────────────────────────────────────────────────────────────────────────────────

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

dnsbl::score_bounds dnsbl_lookup::subscription::bounds() const noexcept
{
    return state_ ? state_->bounds() : dnsbl::score_bounds{};
}

dnsbl::score dnsbl_lookup::subscription::score() const noexcept
{
    if (!state_) return {};
    return state_->of ? state_->of->board.current() : state_->found;
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
    subscription joined;
    joined.state_ = std::make_unique<subscription::state>(who, more.limits);
    auto& state = *joined.state_;
    const tick now = steady_now();
    if (const auto* const kept = impl_->kept.find({client, sites.get()}, now)) {
        state.sites = kept->sites;
        state.found = kept->score;
        const auto age = std::chrono::ceil<seconds>(now - kept->finished);
        if (state.found.ttl) *state.found.ttl = std::max(seconds{0}, *state.found.ttl - age);
        return joined;
    }
    const auto what = impl_->find_or_start(client, sites, timeout, more.is_known);
    if (what->done) { // nobody had to be asked
        state.sites = what->sites;
        state.found = what->board.current();
        return joined;
    }
    state.of = what;
    state.was_certain = state.is_certain();
    what->waiting.push_back(state);
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

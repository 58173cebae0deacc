// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "events.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/core/dnsbl/asking.hpp"
#include "fendmail/core/dnsbl/scoreboard.hpp"
#include "fendmail/core/dnsbl/site.hpp"
#include "fendmail/io/dns/resolver.hpp"
#include "fendmail/io/dns/resolver_pool.hpp"
#include "fendmail/io/net/deadline_queue.hpp"
#include "fendmail/io/waiter.hpp"
#include "list_watch.hpp"
#include "lookup_cache.hpp"
#include "network_budgets.hpp"
#include "resolver_watch.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/intrusive/list.hpp>
#include <boost/intrusive/list_hook.hpp>
#include <map>
#include <memory>
#include <optional>
#include <vector>

/// All lists about one client: asks them, in the order of their weight where not all can be asked
/// at once, and adds up what they say.
///
/// Units: steady time.
/// Memory: some 500 octets while it runs.
/// Errors: none; see dnsbl_lookup.
/// Threads: one worker.
namespace fendmail::io {

class client_lookup;

/// What all lookups of a worker share.
struct lookup_services {
    boost::asio::io_context& context;
    dnsbl_events events;
    deadline_queue& deadlines;
    resolver_pool& resolvers;
    std::shared_ptr<list_monitors> watch;
    network_budgets budgets{};
    std::vector<std::unique_ptr<resolver_watch>> watched_resolvers{}; ///< before what they use goes
};

/// What waits for a lookup. It leaves by being destroyed, wherever that happens. It holds the
/// lookup, which is much larger, no longer than that one runs: most clients wait for other things
/// than for the lists.
struct lookup_listener
    : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
    lookup_listener(waiter* waiting, std::optional<dnsbl::score_limits> decisive) noexcept
        : who{waiting}
        , limits{decisive}
    {
    }
    lookup_listener(const lookup_listener&) = delete;
    lookup_listener& operator=(const lookup_listener&) = delete;
    ~lookup_listener();

    [[nodiscard]] bool is_certain() const noexcept;
    [[nodiscard]] dnsbl::score_bounds bounds() const noexcept;

    std::shared_ptr<client_lookup> of;            // while it runs
    std::shared_ptr<const dnsbl::site_set> sites; // afterwards, for `found`
    dnsbl::score found;
    std::shared_ptr<const std::string> listings; // … and of what it is made; null for none
    waiter* who;
    std::optional<dnsbl::score_limits> limits;
    bool was_certain = false; // and has been woken for it, or need not be
};

/// The owner of the lookups that run.
class lookup_owner {
public:
    /// @param found null when it was given up
    virtual void on_over(const client_lookup& what, const lookup_result* found) = 0;

protected:
    ~lookup_owner() = default;
};

class client_lookup final : public waiter, public std::enable_shared_from_this<client_lookup> {
public:
    struct about {
        ip_address client;
        std::shared_ptr<const dnsbl::site_set> sites;
        milliseconds timeout{};
        bool is_known = false; ///< it has passed the lists before
        std::optional<dnsbl::score_limits> limits{};
        network of{};           ///< whose budget is spent by it
        bool is_over = false;   ///< beyond that budget: it waits until the network has one again
        bool is_shared = false; ///< it stands for all that are beyond it
    };

    client_lookup(lookup_owner& owner, lookup_services& with, about what);
    client_lookup(const client_lookup&) = delete;
    client_lookup& operator=(const client_lookup&) = delete;
    ~client_lookup() = default;

    /// Asks; it may be done afterwards. Once.
    void begin();
    void add(lookup_listener& one);
    /// The last listener may have gone: what has not been sent yet is not.
    void on_left();
    /// Its owner is no more.
    void end() noexcept;

    [[nodiscard]] bool is_done() const noexcept { return done_; }
    [[nodiscard]] const dnsbl::scoreboard& board() const noexcept { return board_; }
    [[nodiscard]] dnsbl::score score() const noexcept;
    /// Of what it is made; null for none, or without memory to say it.
    [[nodiscard]] std::shared_ptr<const std::string> listings() const noexcept;
    [[nodiscard]] bool is_shared() const noexcept { return about_.is_shared; }
    [[nodiscard]] const ip_address& client() const noexcept { return about_.client; }
    [[nodiscard]] const std::shared_ptr<const dnsbl::site_set>& sites() const noexcept
    {
        return about_.sites;
    }
    [[nodiscard]] lookup_key key() const noexcept { return {about_.client, about_.sites.get()}; }
    /// How long what was found may be kept; 0 = not at all.
    [[nodiscard]] seconds keep_time() const noexcept;

    /// The time of some zone is up, or that of holding questions back.
    void wake() noexcept override;

private:
    struct zone_query {
        std::shared_ptr<resolver> with; // until it is answered
        dns::question_id id;
    };
    using listeners =
        boost::intrusive::list<lookup_listener, boost::intrusive::constant_time_size<false>>;

    void begin_when_allowed();
    void spare_private();
    [[nodiscard]] bool is_within_quota(std::size_t zone);
    [[nodiscard]] bool is_waiting_for_answers() const noexcept;
    void ask_more();
    void ask_or_skip(const dnsbl::next_question& next);
    void ask(std::size_t zone, bool can_refuse);
    void on_answer(std::size_t zone, const dns::answer& answer);
    void on_confirmed(std::size_t zone, bool is_confirmed);
    void report(list_monitor& keeper, std::size_t zone, const dns::answer& answer, bool is_listing,
                tick now) const;
    void count(std::size_t zone, const dns::answer& answer, tick now);
    void fail(std::size_t zone, tick now);
    void skip(std::size_t zone);
    void finish_or_wake();
    void wake_certain();
    void finish();
    void stop();
    [[nodiscard]] bool is(question_progress what, std::size_t zone) const noexcept;
    [[nodiscard]] bool has_unsent() const noexcept;
    [[nodiscard]] bool has_unasked() const noexcept;
    [[nodiscard]] dnsbl::answer_kind kind_of(std::size_t zone, const ip_address& address) const;
    [[nodiscard]] bool has_listing(std::size_t zone, const dns::answer& answer) const;
    [[nodiscard]] tick due(std::size_t zone) const noexcept;
    [[nodiscard]] tick held_until() const noexcept { return started_ + about_.timeout * 3 / 4; }
    void set_time_limit();
    void note_ttl(std::optional<seconds> ttl) noexcept;

    lookup_owner* owner_;
    lookup_services* with_;
    about about_;
    dnsbl::scoreboard board_;
    std::vector<zone_query> queries_;
    std::vector<bool> asked_;                // or not to be asked
    std::shared_ptr<list_monitors> watched_; // null if the set is not
    bool is_counted_ = false;                // in the rates of the lists
    bool is_holding_ = false;                // the rest back, until a list that answers has
    deadline time_limit_;
    tick started_;
    std::map<std::size_t, dns::answer> unconfirmed_; // listings, by zone
    std::optional<seconds> shortest_ttl_;
    bool ttl_unknown_ = false;
    unsigned retries_ = 0;
    bool is_private_ = false; // and some list was not asked therefore
    bool done_ = false;
    listeners waiting_;
};

} // namespace fendmail::io

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/dnsbl/scoreboard.hpp"
#include "fendmail/core/dnsbl/site.hpp"
#include "fendmail/core/dnsbl/zone_health.hpp"
#include "fendmail/core/event/event.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/dns/resolver_pool.hpp"
#include "fendmail/io/dnsbl/list_states.hpp"
#include "fendmail/io/net/deadline_queue.hpp"
#include "fendmail/io/waiter.hpp"

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

/// Asks all zones about a client at once. Sessions of one client share one running lookup, and a
/// finished one is kept for the TTL of its answers. Lists that are watched are tested, and what
/// they say counts only while they are well.
///
/// The clients of one network have a budget of lookups (io/dnsbl/network_budgets). Beyond it those
/// of an IPv6 network share one lookup, and those of an IPv4 network wait for theirs, if need be
/// until their time is over: then their score is `withheld`.
///
/// Source: RFC 5782 §2.1; see core/dnsbl/scoreboard.hpp for what answers mean, and
/// core/dnsbl/zone_health.hpp for what makes a list be suspended. A suspended list is not asked and
/// not waited for: it leaves the score incomplete, as one that failed.
/// Units: TTLs in seconds; a lookup is kept for the smallest TTL of its answers, at most an hour.
/// One that is incomplete, or whose answers do not all have a TTL, is not kept.
/// Memory: one lookup a client being asked about, at most `limits::dnsbl_finished_lookups`
/// finished ones (the oldest goes first).
/// Errors: none reach the caller: a zone that fails or does not answer in time leaves the score
/// incomplete, and the reason goes to the event sink. Of one zone at most one failure and one
/// ignored answer are told in ten seconds; the next one told says how many were not.
/// Threads: one worker owns it; all calls on that worker's io_context, which must outlive it, as
/// must the worker's deadlines and its resolvers.
namespace fendmail::io {

/// What a session knows that helps.
struct lookup_hints {
    std::optional<dnsbl::score_limits> limits{}; ///< to be woken as soon as they decide
    bool is_known = false;                       ///< the client has passed the lists before
    /// Whose lookups are counted together, and limited; none = just the client's own.
    std::optional<network> neighbours{};
};

class dnsbl_lookup {
    struct lookup;
    struct impl;

public:
    /// A session's interest in a lookup. Dropping it at any time is safe, also within any
    /// wake() and after the end of the dnsbl_lookup; the lookup goes on and is kept for the next
    /// that asks.
    class subscription {
    public:
        subscription() noexcept;
        subscription(subscription&&) noexcept;
        subscription& operator=(subscription&&) noexcept;
        ~subscription();
        /// True when nothing more will come: every zone answered, failed or ran out of time.
        /// A subscription to nothing (default, moved from) is done and its score incomplete.
        [[nodiscard]] bool done() const noexcept;
        /// True when the zones that have not answered can change nothing any more, with respect to
        /// the limits of the hints.
        [[nodiscard]] bool is_certain() const noexcept;
        /// What the score can still become.
        [[nodiscard]] dnsbl::score_bounds bounds() const noexcept;
        /// What is known so far. The view in it lives as long as this subscription. Of a kept
        /// lookup, the TTL is what was left of it when this subscription began.
        [[nodiscard]] dnsbl::score score() const noexcept;
        /// The lists that have made it so far (dnsbl::scoreboard::listings()); null for none.
        [[nodiscard]] std::shared_ptr<const std::string> listings() const noexcept;
        /// The lookup is this client's own, and not that of another one of its network, whose
        /// clients have had too many lookups.
        [[nodiscard]] bool is_own() const noexcept;

    private:
        friend class dnsbl_lookup;
        struct state;
        std::unique_ptr<state> state_;
    };

    /// @param resolvers where they become others, running lookups end with those they began with;
    /// watch() has to follow
    dnsbl_lookup(boost::asio::io_context& context, event_sink& events, deadline_queue& deadlines,
                 resolver_pool& resolvers);
    /// Wakes no waiter; subscriptions that are left never become done.
    ~dnsbl_lookup();
    dnsbl_lookup(const dnsbl_lookup&) = delete;
    dnsbl_lookup& operator=(const dnsbl_lookup&) = delete;

    /// Joins the lookup for `client`, or starts one. `who->wake()` is called when it is certain
    /// and when it is done, never from within this call; a lookup that is so already is seen by
    /// is_certain() and done() and wakes no waiter. wake() may do anything but destroy this object.
    /// @param timeout of each zone's answer, from the start of the lookup, unless a zone has its
    /// own
    /// @param who null to wake nothing
    [[nodiscard]] subscription join(const ip_address& client,
                                    std::shared_ptr<const dnsbl::site_set> sites,
                                    milliseconds timeout, waiter* who,
                                    const lookup_hints& more = {});

    /// Of what the score of a client is made, where it is kept; null where not, or for nothing.
    [[nodiscard]] std::shared_ptr<const std::string> cached_listings(const ip_address& client,
                                                                     const dnsbl::site_set& sites);

    /// Tests the lists of this set from now on, and at once; those of another set no more. Lookups
    /// of sets that are not watched believe every list. The pool gets the resolvers of this set.
    /// @param states shared by all workers
    /// @param timeout of each answer to a test
    /// @param timing an interval of 0 means that no set is watched from now on
    void watch(std::shared_ptr<const dnsbl::site_set> sites, std::shared_ptr<list_states> states,
               milliseconds timeout, const dnsbl::health_timing& timing);

    /// Drops finished lookups of other sets than this one, which no session will ask for again.
    void keep_only(const dnsbl::site_set& sites);

    /// Lookups that are not done yet.
    [[nodiscard]] std::size_t running() const noexcept;
    /// Finished lookups that are kept for their TTL.
    [[nodiscard]] std::size_t kept() const noexcept;

private:
    std::unique_ptr<impl> impl_;
};

} // namespace fendmail::io

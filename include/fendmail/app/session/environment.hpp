// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/abuse/abuse_watch.hpp"
#include "fendmail/app/abuse/grey_book.hpp"
#include "fendmail/app/feeds/feed_set.hpp"
#include "fendmail/app/shared/registry.hpp"
#include "fendmail/core/acl/sender_set.hpp"
#include "fendmail/core/acl/timed_rules.hpp"
#include "fendmail/core/event/event.hpp"
#include "fendmail/core/mta/recipient_table.hpp"
#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/dns/resolver_pool.hpp"
#include "fendmail/io/dnsbl/list_texts.hpp"
#include "fendmail/io/dnsbl/lookup.hpp"
#include "fendmail/io/net/deadline_queue.hpp"
#include "fendmail/io/net/wake_coalescer.hpp"
#include "fendmail/io/store/allowlist_store.hpp"

#include <boost/asio/io_context.hpp>
#include <exception>
#include <memory>

/// What a session works with besides its snapshot, and all that it knows of the world around it.
///
/// Memory: references; one for each worker, whose sessions share it.
/// Errors: what escapes a step of a session ends this session and no other, and is told.
/// Threads: one worker's; it outlives its sessions.
namespace fendmail::app {

struct environment {
    boost::asio::io_context& context;
    io::deadline_queue& deadlines;
    io::resolver_pool& resolvers;
    io::wake_coalescer& wakes;
    io::dnsbl_lookup& lookups;
    io::allowlist_store& store;
    event_sink& events;
    registry& sessions;
    abuse_watch& abuse;
    /// Null when there are none. Renewed when their records change.
    std::shared_ptr<const acl::sender_set> senders;
    /// Null when there are none. Renewed at each change.
    std::shared_ptr<const acl::timed_rule_set> timed_rules;
    /// Null when there are none. Renewed when a file changes.
    std::shared_ptr<const feed_set> feeds{};
    /// Null when there are none. Renewed when there are others.
    std::shared_ptr<const mta::recipient_set> recipients{};
    /// Whether a suspect is to come back; none = none is.
    grey_asker ask_grey{};
    /// What lists say about those that they refuse.
    io::list_texts texts{resolvers};

    void tell_failure(const std::exception& what) noexcept;
    /// Runs a coroutine of a session.
    void spawn(io::awaitable<void> what);
    /// Runs a step of a session that has no coroutine yet.
    template <class Step>
    void guard(Step step) noexcept
    {
        try {
            step();
        } catch (const std::exception& e) { // a bug of ours or no memory
            tell_failure(e);
        }
    }
};

} // namespace fendmail::app

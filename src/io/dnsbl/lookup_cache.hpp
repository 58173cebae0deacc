// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/dnsbl/scoreboard.hpp"
#include "fendmail/core/dnsbl/site.hpp"
#include "fendmail/core/limits.hpp"
#include "fendmail/core/time.hpp"

#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

/// What lookups have found, for clients that come again while it holds.
///
/// Memory: about 200 octets for each, some dozen more for one that is listed, and at most
/// `limits::dnsbl_finished_lookups`: the oldest goes first. Errors: none. Threads: one worker.
namespace fendmail::io {

/// The client that a lookup is about, and which lists it asks.
struct lookup_key {
    ip_address client;
    const dnsbl::site_set* sites; // the owner of the key holds the set, so the address is unique
    friend bool operator==(const lookup_key&, const lookup_key&) = default;
};

struct lookup_key_hash {
    std::size_t operator()(const lookup_key& key) const noexcept
    {
        return std::hash<ip_address>{}(key.client) ^ std::hash<const void*>{}(key.sites);
    }
};

/// The end of a lookup.
struct lookup_result {
    std::shared_ptr<const dnsbl::site_set> sites; ///< of which `score` holds views
    dnsbl::score score;
    std::shared_ptr<const std::string> listings; ///< of which it is made; null for none
    tick finished{};
};

class lookup_cache {
public:
    lookup_cache() = default;
    lookup_cache(const lookup_cache&) = delete;
    lookup_cache& operator=(const lookup_cache&) = delete;

    /// None when there is none or it has outlived its answers; valid until the next call.
    [[nodiscard]] const lookup_result* find(const lookup_key& key, tick now);
    /// @pre none is kept for this client and these lists
    void add(const ip_address& client, lookup_result what, seconds holds);
    /// Drops those of other lists.
    void keep_only(const dnsbl::site_set& sites);
    [[nodiscard]] std::size_t size() const noexcept { return by_key_.size(); }

private:
    struct entry : boost::intrusive::list_base_hook<
                       boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
        lookup_result result;
        tick until{};
        const ip_address* client = nullptr; // in the key
    };
    void forget(const entry& what);

    std::unordered_map<lookup_key, entry, lookup_key_hash> by_key_;
    boost::intrusive::list<entry, boost::intrusive::constant_time_size<false>> oldest_first_;
};

} // namespace fendmail::io

// SPDX-License-Identifier: Apache-2.0
#include "lookup_cache.hpp"

#include "fendmail/core/assert.hpp"

#include <utility>

namespace fendmail::io {

const lookup_result* lookup_cache::find(const lookup_key& key, tick now)
{
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return nullptr;
    if (now < found->second.until) return &found->second.result;
    by_key_.erase(found);
    return nullptr;
}

void lookup_cache::add(const ip_address& client, lookup_result what, seconds holds)
{
    const tick now = what.finished;
    const auto [at, is_new] = by_key_.try_emplace({client, what.sites.get()});
    FENDMAIL_ASSERT(is_new);
    entry& added = at->second;
    added.result = std::move(what);
    added.until = now + holds;
    added.client = &at->first.client;
    oldest_first_.push_back(added);
    while (size() > limits::dnsbl_finished_lookups || oldest_first_.front().until <= now)
        forget(oldest_first_.front());
}

void lookup_cache::keep_only(const dnsbl::site_set& sites)
{
    for (auto next = oldest_first_.begin(); next != oldest_first_.end();) {
        const entry& one = *next++;
        if (one.result.sites.get() != &sites) forget(one);
    }
}

void lookup_cache::forget(const entry& what)
{
    const lookup_key key{*what.client, what.result.sites.get()};
    by_key_.erase(key);
}

} // namespace fendmail::io

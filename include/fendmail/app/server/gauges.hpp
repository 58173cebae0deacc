// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/abuse/abuse_watch.hpp"
#include "fendmail/app/abuse/ban_book.hpp"
#include "fendmail/app/abuse/kernel_link.hpp"
#include "fendmail/app/feeds/feed_status.hpp"
#include "fendmail/app/observe/client_tops.hpp"
#include "fendmail/app/observe/metrics.hpp"
#include "fendmail/app/shared/registry.hpp"
#include "fendmail/app/shared/snapshot.hpp"
#include "fendmail/io/dns/resolver_pool.hpp"

#include <cstdint>
#include <vector>

/// What is so at the moment, for Prometheus; what has happened is counted by observe/metrics.
///
/// Units: as the names say.
/// Memory: the families.
/// Errors: what the system does not tell is left out.
/// Threads: any.
namespace fendmail::app {

void collect_gauges(metric_families& to, const process_counters& counters, const snapshot& now);
/// What lists have answered since the start, and what became of clients that they name.
void collect_lists(metric_families& to, const snapshot& now, const std::vector<list_hits>& hits);
/// Of the resolvers of all workers, those with one name added up; of the windows the smallest.
void collect_resolvers(metric_families& to, const io::resolver_pool::named_figures& all);
/// Bans that are in force, and the tables behind rates and bans.
/// @param reports_lost on their way to the main thread
void collect_abuse(metric_families& to, const ban_book::figures& bans,
                   const abuse_watch::figures& rates, std::uint64_t reports_lost);
/// Nothing when it is off.
void collect_kernel_bans(metric_families& to, const kernel_link::figures& now);
/// Of the feeds: how old, how large, whether their files are good, how often clients were in them.
void collect_feeds(metric_families& to, const std::vector<feed_status>& all);
/// Of the process, by the names that client libraries give them.
void collect_process(metric_families& to);

} // namespace fendmail::app

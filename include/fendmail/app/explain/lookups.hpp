// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/config.hpp"
#include "fendmail/app/explain/explanation.hpp"
#include "fendmail/app/feeds/feed_set.hpp"

#include <filesystem>

/// What configuration and files say of a client, for an explanation.
///
/// Errors: a file that cannot be read names no client.
/// Threads: any; they read files.
namespace fendmail::app {

/// The rule of the access list, and where it stands: of a rule with a file the line there that
/// holds the client, if it is still there.
void find_rule(explanation& about, const runtime_config& config);

/// A permission or denial for a time; before find_rule(), which then has nothing to find.
void find_timed_rule(explanation& about, const std::filesystem::path& file, instant now);

/// What feeds say, country and AS; before find_rule(), which needs these, and the rule of a feed
/// with find_feed_rule() after it.
void find_feeds(explanation& about, const feed_set* feeds);
void find_feed_rule(explanation& about, const feed_set* feeds);

/// The known sender whose SPF record names it, as it was looked up last.
void find_sender(explanation& about, const runtime_config& config,
                 const std::filesystem::path& sender_file);

/// The host that takes our mail, as it was kept last.
void find_recipient(explanation& about, const runtime_config& config,
                    const std::filesystem::path& recipient_file, instant now);

} // namespace fendmail::app

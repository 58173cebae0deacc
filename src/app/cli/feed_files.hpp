// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/config.hpp"
#include "fendmail/app/feeds/feed_file.hpp"

#include <memory>

/// Feeds as commands see them that ask no running fendmail: from their files.
///
/// Errors: a file that cannot be used has no entries.
/// Threads: any; they read files.
namespace fendmail::app {

/// What no entry may touch, known senders as they were looked up last.
[[nodiscard]] std::shared_ptr<const feed::forbidden_networks> forbidden_of(const config& from);
/// Null when there are none.
[[nodiscard]] std::shared_ptr<const feed_set> feeds_of(const config& from);
/// A line about each for `fendmail check`; files that cannot be used are warnings on stderr.
void print_feeds(const config& from, const std::string& config_path);

} // namespace fendmail::app

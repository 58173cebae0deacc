// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/config.hpp"
#include "fendmail/app/feeds/feed_set.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/core/feed/review.hpp"
#include "fendmail/core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The file of a feed: read, judged and put into its place.
///
/// Beside the file "NAME.accepted" says which text `fendmail feed install` has put there and how
/// many entries it has, so that a change that was meant is taken for one, also after a restart.
/// When it is older than `max_age`, something else renews the file, and it says nothing.
/// "NAME.last" is the one before.
///
/// Units: octets, entries; wall time of files.
/// Memory: the file and its networks while it is read, some 50 octets for each.
/// Errors: a file that cannot be used says why, as a text for the admin.
/// Threads: any; they read files and take their time, so none of them is a worker's.
namespace fendmail::app {

/// Which file stands there; another one has another stamp.
struct file_stamp {
    std::uint64_t device = 0;
    std::uint64_t inode = 0; ///< 0 = there is no file
    std::uint64_t octets = 0;
    std::int64_t changed_ns = 0;

    [[nodiscard]] bool exists() const noexcept { return inode != 0; }
    /// When its text was written.
    [[nodiscard]] instant changed_at() const noexcept;
    friend bool operator==(const file_stamp&, const file_stamp&) = default;
};
[[nodiscard]] file_stamp stamp_of(const std::filesystem::path& file) noexcept;

/// What must not be hit.
/// @param listening own addresses besides those of the interfaces
/// @param senders networks of the known senders
[[nodiscard]] std::shared_ptr<const feed::forbidden_networks>
forbidden_for(const runtime_config& config, std::span<const endpoint> listening,
              std::span<const network> senders);

struct loaded_feed {
    std::string refusal;                   ///< why it cannot be used; "" = it can
    std::shared_ptr<const feed_data> data; ///< null when refused
    std::size_t entries = 0;               ///< of a database: nodes
    std::uint32_t checksum = 0;
    std::vector<feed::left_out> without; ///< entries that are left out
    file_stamp stamp;

    [[nodiscard]] std::size_t left_out() const noexcept;
};

/// @param before how many entries are in use; none = nothing is known of that
[[nodiscard]] loaded_feed load_feed(const feed_source& from, const std::filesystem::path& file,
                                    const feed::forbidden_networks& forbidden,
                                    std::optional<std::size_t> before);
/// Judges a text that is not in its place yet.
/// @param any_change it need not be like the one before
[[nodiscard]] loaded_feed judge_feed(const feed_source& from, std::string_view text,
                                     const feed::forbidden_networks& forbidden,
                                     std::optional<std::size_t> before, bool any_change);

/// What "NAME.accepted" says.
struct accepted_text {
    std::size_t entries = 0;
    std::uint32_t checksum = 0;
};
[[nodiscard]] std::optional<accepted_text> read_accepted(const std::filesystem::path& feed_file);
[[nodiscard]] std::filesystem::path last_of(const std::filesystem::path& feed_file);

/// Puts a text that was judged into its place, and the one before aside.
/// @return why not; "" when it is there
[[nodiscard]] std::string put_feed(const feed_source& into, std::string_view text,
                                   const loaded_feed& judged);

/// All feeds of a configuration as they are now, for commands that ask no running fendmail. Those
/// that cannot be used are left out.
/// @return null when there are none
[[nodiscard]] std::shared_ptr<const feed_set>
load_all_feeds(const runtime_config& config, const feed::forbidden_networks& forbidden);

} // namespace fendmail::app

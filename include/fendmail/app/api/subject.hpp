// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/abuse/ban_book.hpp"
#include "fendmail/app/abuse/kernel_link.hpp"
#include "fendmail/app/admin/site.hpp"
#include "fendmail/app/config/effective.hpp"
#include "fendmail/app/feeds/feed_set.hpp"
#include "fendmail/app/feeds/feed_status.hpp"
#include "fendmail/app/observe/client_tops.hpp"
#include "fendmail/app/observe/event_stream.hpp"
#include "fendmail/app/observe/last_hour.hpp"
#include "fendmail/app/observe/metrics.hpp"
#include "fendmail/app/rules/timed_rule_book.hpp"
#include "fendmail/app/shared/registry.hpp"
#include "fendmail/app/shared/snapshot.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/core/event/event.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/dns/server_book.hpp"
#include "fendmail/io/store/allowlist_store.hpp"

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The running fendmail as its API sees it.
///
/// Threads: that of `context`, the main one; what workers share is atomic.
namespace fendmail::app {

enum class serving_state : std::uint8_t { serving, draining, stopping };
[[nodiscard]] constexpr std::string_view to_string(serving_state s) noexcept
{
    switch (s) {
    case serving_state::serving: return "serving";
    case serving_state::draining: return "draining";
    case serving_state::stopping: return "stopping";
    }
    return "unknown state";
}

struct reload_outcome {
    std::string failure{};                          ///< "" = it is in use
    std::vector<std::string> waiting_for_restart{}; ///< keys that a reload does not change
};

/// What does not change while it runs.
struct api_facts {
    std::string version;
    std::string config_path;
    instant started{};
    std::vector<endpoint> listening;
    std::size_t workers = 0;
    std::string_view store_kind;
    std::filesystem::path sender_file;
};

/// All of it outlives the API.
struct api_subject {
    boost::asio::io_context& context;
    const api_facts& facts;
    const process_counters& counters;
    const metrics& counts;
    event_stream& stream;
    const client_tops& tops;
    const last_hour& hour;
    io::allowlist_store& store;
    timed_rule_book& rules;
    ban_book& bans;

    std::function<std::shared_ptr<const snapshot>()> current;
    std::function<std::shared_ptr<const io::server_book>()> servers;
    std::function<std::size_t()> recipients; ///< how many hosts are known to take our mail
    /// The name of one of them.
    std::function<std::optional<std::string>(const ip_address&)> recipient;
    std::function<std::vector<feed_status>()> feeds;
    std::function<std::shared_ptr<const feed_set>()> feeds_in_use; ///< may give null
    std::function<kernel_link::figures()> kernel_bans;
    std::function<serving_state()> state;
    std::function<std::string()> unready; ///< why it is not ready, or ""
    std::function<io::awaitable<std::string>()> metrics_text;
    std::function<const std::vector<effective_key>&()> keys; ///< of the configuration in use
    std::function<std::string()> reload_error;               ///< of the last reload; "" = it worked
    std::function<reload_outcome()> reload;
    std::function<void(bool)> set_draining;
    /// Starts a successor; the answer comes when it serves, or does not.
    std::function<io::awaitable<admin_reply>()> upgrade;
    /// To a successor that asks.
    std::function<admin_reply()> hand_over;

    /// Requests that ask lists now: each has sockets of its own.
    static constexpr std::size_t asking_max = 4;
    std::size_t asking = 0;
};

} // namespace fendmail::app

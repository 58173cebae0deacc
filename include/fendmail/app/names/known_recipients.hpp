// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/sections/known_recipients.hpp"
#include "fendmail/core/event/event.hpp"
#include "fendmail/core/mta/recipient_table.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/os/log_follower.hpp"

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Keeps the hosts that take our outgoing mail: follows the logs of mail servers, publishes what
/// they tell to the workers, and keeps it in a file.
///
/// Never known are our own addresses and those that mean another host in each network: mail through
/// a content filter or to ourselves says nothing about clients, and behind a bridge of containers
/// all clients may have one such address. A relay of our own network needs none of this, an access
/// rule permits it.
/// Units: wall time for what is known; steady time for what is due.
/// Memory: the table, and twice its hosts (here and in the set that is published).
/// Errors: none stop anything; logs that cannot be read and a file that cannot be written are told.
/// Threads: one event loop. What it publishes is immutable.
namespace fendmail::app {

/// Beside the store: "known-recipients".
[[nodiscard]] std::filesystem::path recipient_file_of(const std::filesystem::path& store);

class known_recipients {
public:
    using set = std::shared_ptr<const mta::recipient_set>;
    /// Gets each new set; null when no host is known.
    using publisher = std::function<void(set)>;

    static constexpr seconds publish_interval{2};
    static constexpr seconds look_interval{60}; ///< for what is over, and for our own addresses
    static constexpr seconds write_interval{300};

    /// @param file "" = they are kept in memory only
    known_recipients(boost::asio::io_context& context, event_sink& events,
                     std::filesystem::path file, publisher publish);
    known_recipients(const known_recipients&) = delete;
    known_recipients& operator=(const known_recipients&) = delete;

    void configure(const known_recipients_options& options);
    /// Writes what is not written yet.
    void write_now();
    /// Follows no more, and writes.
    void stop();
    /// Hosts that are known now.
    [[nodiscard]] std::size_t size() const noexcept;
    /// The name of one that workers know, maybe "".
    [[nodiscard]] std::optional<std::string> find(const ip_address& client) const;
    [[nodiscard]] bool has_any_of(const network& net) const noexcept
    {
        return published_ && published_->has_any_of(net);
    }

private:
    void read_file();
    void follow(const std::filesystem::path& log);
    void on_line(std::string_view line);
    void look();
    void publish();
    void wait();

    boost::asio::io_context& context_;
    event_sink& events_;
    std::filesystem::path file_;
    publisher publish_;
    io::steady_timer timer_;
    known_recipients_options options_;
    mta::recipient_table table_;
    set published_;
    std::vector<ip_address> own_;
    std::vector<std::unique_ptr<io::log_follower>> logs_;
    bool was_read_ = false;
    bool is_unpublished_ = false;
    bool is_unwritten_ = false;
    tick next_look_{};
    tick next_write_{};
    std::string told_write_failure_;
};

} // namespace fendmail::app

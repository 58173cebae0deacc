// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/config.hpp"
#include "fendmail/core/acl/sender_set.hpp"
#include "fendmail/core/event/event.hpp"
#include "fendmail/core/spf/sender_file.hpp"
#include "fendmail/core/throttle/report_limit.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/dns/spf_lookup.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

/// Keeps the networks of the known senders up to date: looks their SPF records up on a timer, one
/// domain after the other, and keeps what it has found in a file.
///
/// Source: RFC 7208; core/spf says what a record permits.
/// Units: steady time for what is due, wall time for ages.
/// Memory: the networks twice (here and in the set that is published).
/// Errors: none stop anything. A record that cannot be had or is wrong leaves the networks of the
/// last time in use, and a file that is damaged or cannot be written is told; all goes to the event
/// sink.
/// Threads: one event loop. What it publishes is immutable.
namespace fendmail::app {

/// From one refresh that succeeded to the next one.
[[nodiscard]] seconds time_to_refresh(seconds refresh, std::optional<seconds> ttl) noexcept;
/// From a failure of DNS to the next try, after so many failures in a row.
[[nodiscard]] seconds time_to_retry(seconds refresh, unsigned failures) noexcept;

/// Beside the store: "known-senders.cidr".
[[nodiscard]] std::filesystem::path sender_file_of(const startup_config& config);

class known_senders {
public:
    using set = std::shared_ptr<const acl::sender_set>;
    /// Gets each new set; null when there are no known senders.
    using publisher = std::function<void(set)>;

    known_senders(boost::asio::io_context& context, event_sink& events, std::filesystem::path file,
                  publisher publish);
    known_senders(const known_senders&) = delete;
    known_senders& operator=(const known_senders&) = delete;

    /// Publishes what is known of these domains, and looks all of them up anew.
    void configure(const known_senders_options& options, const dns::server_list& resolvers);
    /// Other name servers: questions go on there, and what failed is asked again now.
    void use(std::shared_ptr<const io::server_book> book);
    /// No more lookups; writes what is not yet written.
    void stop();

private:
    struct entry {
        spf::known_sender sender;
        bool is_known = false; ///< `sender` was found at some time
        tick due{};
        unsigned failures = 0; ///< of DNS, since the last success
        std::string told_notes;
        report_limit age_reports{seconds{86400}};
    };

    [[nodiscard]] entry make_entry(const std::string& domain);
    void read_file();
    void publish();
    void work();
    void look_up(std::size_t index);
    void on_result(std::size_t index, spf::expansion result);
    void accept(entry& e, spf::expansion&& result);
    void refuse(entry& e, const spf::expansion& result);
    void tell_notes(entry& e, const spf::expansion& result);
    void tell_old_age(entry& e);
    [[nodiscard]] seconds age_of(const entry& e) const;
    [[nodiscard]] tick_span jittered(seconds span);
    void write_file();

    boost::asio::io_context& context_;
    event_sink& events_;
    std::filesystem::path file_;
    publisher publish_;
    boost::asio::steady_timer timer_;
    known_senders_options options_;
    dns::server_list resolvers_;
    std::shared_ptr<const io::server_book> book_;        ///< null = the system's files
    std::optional<std::vector<spf::known_sender>> kept_; ///< of the file; none = not read yet
    std::vector<entry> entries_;                         ///< in the order of the configuration
    bool has_set_ = false;                               ///< a set was published
    bool is_unwritten_ = false;
    std::string told_write_failure_;
    std::minstd_rand random_{std::random_device{}()};
    std::unique_ptr<io::spf_lookup> running_; ///< one at a time
};

} // namespace fendmail::app

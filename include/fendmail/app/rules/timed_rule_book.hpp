// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/acl/timed_rules.hpp"
#include "fendmail/core/event/event.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/awaiting.hpp"

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

/// The permissions and denials for a time that are in force: kept in a file, and published to the
/// workers as a set that does not change.
///
/// Memory: the rules, twice.
/// Errors: a file that cannot be read or written is told as a caution; the rules then hold until
/// the process ends. A rule too many is refused with a reason.
/// Threads: the thread of its io_context.
namespace fendmail::app {

class timed_rule_book {
public:
    using set = std::shared_ptr<const acl::timed_rule_set>;

    /// Reads the file and publishes what is in it.
    /// @param file "" = they are kept in memory only
    /// @param publish gets null when there is no rule
    timed_rule_book(boost::asio::io_context& context, event_sink& events,
                    std::filesystem::path file, std::function<void(set)> publish);
    void stop() noexcept { timer_.cancel(); }

    /// Adds one, in the place of the one for the same network and decision.
    /// @return why not; nothing when it is in force
    [[nodiscard]] std::optional<std::string> put(acl::timed_rule rule);
    /// @return false when there was none
    [[nodiscard]] bool remove(const network& net, acl::decision decision);
    /// Those in force, in order of network.
    [[nodiscard]] std::vector<acl::timed_rule> all() const;
    /// What workers would find for a client; its text is valid until the next change.
    [[nodiscard]] std::optional<acl::match> find(const ip_address& client) const;

private:
    void change();
    bool drop_ended();
    void publish_now();
    void write();
    void wait();

    event_sink& events_;
    std::filesystem::path file_;
    std::function<void(set)> publish_;
    std::vector<acl::timed_rule> rules_;
    set published_;
    io::steady_timer timer_;
    std::string told_failure_;
};

/// Beside the client store.
[[nodiscard]] std::filesystem::path timed_rules_file_of(const std::filesystem::path& store);

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/dns/host_files.hpp"
#include "fendmail/core/event/event.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/dns/resolver.hpp"
#include "fendmail/io/dns/server_book.hpp"
#include "fendmail/io/os/file_watch.hpp"

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Where the hosts are that a configuration names, as any program of this system would find them:
/// /etc/hosts first, then DNS through the system's name servers, with the search list of
/// resolv.conf. Each is looked up again when its TTL is over.
///
/// What was found once stays in use until something else is found: a name that cannot be looked up
/// for a while, or has no addresses for a while, stops no mail.
///
/// Source: hosts(5), resolv.conf(5), RFC 1035 §3.2.1 (TTL).
/// Units: steady time; TTLs are held to `shortest` and `longest`.
/// Memory: at most `addresses_max` addresses for each name.
/// Errors: none; what cannot be looked up is told once, and asked again.
/// Threads: the thread of its io_context.
namespace fendmail::app {

class host_names {
public:
    static constexpr seconds shortest{5};
    static constexpr seconds longest{300};
    static constexpr seconds first_retry{1};
    static constexpr seconds longest_retry{30};
    static constexpr std::size_t addresses_max = 16;

    using table = std::map<std::string, std::vector<ip_address>, std::less<>>;

    struct wanted {
        std::string name;
        std::string_view key;   ///< of the configuration, for logs
        std::string_view until; ///< what happens until it is known, for logs
    };

    /// @param changed is called when known() has changed, also from within want() and use()
    host_names(boost::asio::io_context& context, event_sink& events, const io::server_book& book,
               std::function<void()> changed, std::filesystem::path hosts = io::hosts_file);
    host_names(const host_names&) = delete;
    host_names& operator=(const host_names&) = delete;

    /// These from now on, and no others. What /etc/hosts knows is known afterwards.
    void want(const std::vector<wanted>& names);
    /// The system's name servers and search list. What could not be looked up is asked again.
    void use(const io::server_book& book, const dns::resolv_conf& how);
    void stop() noexcept;

    /// By name; those that were never found are not in it.
    [[nodiscard]] const table& known() const noexcept { return known_; }

private:
    struct entry;

    void work();
    void begin(entry& of);
    void ask(entry& of);
    void on_answer(entry& of, const dns::answer& answer);
    void on_found(entry& of);
    void on_failure(entry& of, std::string_view why);
    void publish(entry& of, std::vector<ip_address> addresses);
    void look_at_hosts();

    boost::asio::io_context& context_;
    event_sink& events_;
    std::function<void()> changed_;
    std::filesystem::path path_;
    dns::resolv_conf how_;
    std::string hosts_; ///< the text of the file
    std::map<std::string, std::shared_ptr<entry>, std::less<>> entries_;
    table known_;
    io::steady_timer timer_;
    std::optional<io::file_watch> watch_; ///< while there are names
    std::unique_ptr<io::resolver> resolver_;
};

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/acl/access_list.hpp"
#include "fendmail/core/acl/prefix_trie.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/core/dns/name_server.hpp"
#include "fendmail/core/dnsbl/site.hpp"
#include "fendmail/core/screen/policy.hpp"
#include "fendmail/core/smtp/dialog.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/log_writer.hpp"
#include "fendmail/io/tls_context.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The configuration as values. Two types say what a reload can change: `startup_config` is fixed
/// until a restart, `runtime_config` is replaced as a whole.
///
/// Units: durations are std::chrono; sizes in octets.
/// Threads: immutable once loaded; sessions share one runtime_config and keep it to their end.
namespace fendmail::app {

enum class store_kind : std::uint8_t { lmdb, memory, none };
[[nodiscard]] std::string_view to_string(store_kind k) noexcept;

struct startup_config {
    std::vector<endpoint> listen;
    unsigned workers = 0;            ///< as written; 0 = one for each processor
    std::string user;                ///< "" = stay who we are
    std::vector<std::string> groups; ///< supplementary groups besides the user's own
    store_kind store = store_kind::lmdb;
    std::filesystem::path store_path{"/var/lib/fendmail/clients.lmdb"};

    std::string admin_listen = "127.0.0.1:8025"; ///< or "unix:/path"; "" = off

    friend bool operator==(const startup_config&, const startup_config&) = default;
};

enum class backend_kind : std::uint8_t { postfix_pass, proxy_v2, proxy_v1, xclient, plain };
/// As written in the configuration: "postfix-pass".
[[nodiscard]] std::string_view to_string(backend_kind k) noexcept;

struct backend_options;
/// What happens when the backend is told nothing about its clients; "" with any other kind.
[[nodiscard]] std::string hazard_of_plain(const backend_options& to);

/// What may be in the mails of a relayed session.
enum class backend_data : std::uint8_t {
    automatic, ///< strict for sessions that go on from our dialog, as_is for others
    strict,    ///< see smtp::data_guard
    as_is,
};

struct backend_options {
    backend_kind kind = backend_kind::proxy_v2;
    std::string address = "127.0.0.1:10025"; ///< as written, for logs
    endpoint tcp{};                          ///< when `unix_path` and `host` are empty
    std::optional<dns::named_host> host{};   ///< whoever looks it up knows where it is
    std::string unix_path;
    milliseconds connect_timeout{5000};
    milliseconds greeting_timeout{30000};
    milliseconds idle_timeout{600000};
    /// Of sessions that go on from our dialog and came to us encrypted.
    smtp::backend_tls tls = smtp::backend_tls::none;
    backend_data data = backend_data::automatic;
};

/// EHLO keywords that the clients of some networks are not offered.
class hidden_keywords {
public:
    void add(const network& clients, std::vector<std::string> keywords)
    {
        networks_.insert(clients, static_cast<std::uint32_t>(keywords_.size()));
        keywords_.push_back(std::move(keywords));
    }
    [[nodiscard]] bool is_empty() const noexcept { return keywords_.empty(); }
    /// Upper case; those of the longest network that holds the client, if there is one.
    [[nodiscard]] std::optional<std::span<const std::string>>
    of(const ip_address& client) const noexcept
    {
        const auto found = networks_.find(client);
        if (!found) return std::nullopt;
        return keywords_[*found];
    }

private:
    acl::prefix_trie networks_;
    std::vector<std::vector<std::string>> keywords_;
};

/// STARTTLS in our own dialog.
struct tls_options {
    smtp::tls_level level = smtp::tls_level::none;
    io::tls_server_options server;
    milliseconds handshake_timeout{60000};
    /// Made of the files as they were when the configuration was loaded; nothing with `none`.
    std::shared_ptr<const io::tls_context> context;
};

struct known_senders_options {
    std::vector<std::string> domains; ///< canonical
    seconds refresh{6 * 3600};
    seconds max_age{14 * 86400};
};

struct runtime_config {
    std::string hostname; ///< never empty once loaded
    backend_options backend;
    acl::prefix_trie balancers; ///< networks that must send a PROXY header
    milliseconds proxy_header_timeout{5000};
    acl::access_list access;
    /// Local addresses at which a pass can be earned (permit); empty = all.
    acl::access_list allowlist_interfaces;
    known_senders_options known_senders;
    bool relays_after_deep_tests = true;
    unsigned deep_ipv4_prefix = 32; ///< of those who share what they passed of the deep tests
    std::string teaser;             ///< text behind "220-"; never empty
    screen::policy screening;
    dnsbl::site_set dnsbl_sites;
    milliseconds dnsbl_timeout{10000};
    milliseconds client_name_timeout{5000};
    milliseconds dnsbl_test_interval{300000}; ///< 0 = lists are not watched
    std::vector<std::string> resolvers;       ///< "address" or "address:port"; empty = the system's
    smtp::dialog_options dialog;
    std::string reject_footer; ///< not expanded
    hidden_keywords hide_ehlo_from;
    tls_options tls;
    seconds command_time_limit{300};
    seconds command_time_limit_under_stress{10};
    std::uint32_t clients_per_address = 50; ///< 0 = no limit
    unsigned limit_ipv6_prefix = 64;        ///< of one client that is counted
    std::uint32_t screening_limit = 10000;
    std::uint32_t handing_off_limit = 100;
    unsigned store_ipv6_prefix = 64; ///< of one client that is remembered
    seconds store_retention{7 * 86400};
    seconds store_sweep_interval{12 * 3600};
    seconds stop_time_limit{8};         ///< for sessions to end after SIGTERM
    bool ready_without_backend = false; ///< what /readyz says while the backend is down
    io::log_options log;

    [[nodiscard]] bool trusts(const ip_address& balancer) const noexcept
    {
        return balancers.find(balancer).has_value();
    }
};

struct config {
    startup_config startup;
    runtime_config runtime;
};

} // namespace fendmail::app

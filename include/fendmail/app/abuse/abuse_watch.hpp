// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/abuse/shared_meter.hpp"
#include "fendmail/app/config/config.hpp"
#include "fendmail/core/abuse/ban_table.hpp"
#include "fendmail/core/abuse/offence.hpp"
#include "fendmail/core/abuse/rates.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/core/throttle/meter.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/net/deadline_queue.hpp"
#include "fendmail/io/waiter.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

/// What one worker knows of clients that come too often or are banned, and what its sessions report
/// against them or for them. The decisions are the ban_book's, on the main thread: reports go there
/// together, at most `reports_delay` old.
///
/// Units: steady time for rates, wall time for bans.
/// Memory: 32 octets for each client that is counted, for each rate that is on (rates.table_size
/// divided by the workers), and the bans. Reports that wait: at most `reports_max`; what comes
/// beyond those is dropped and counted.
/// Errors: none.
/// Threads: one worker's.
namespace fendmail::app {

/// What a session has shown of its client.
struct client_report {
    ip_address client{};
    abuse::offence_set offences{};
    bool was_handed_off = false; ///< it reached the backend
    bool has_mail_accepted = false;
};

class abuse_watch final : public io::waiter {
public:
    using reports = std::vector<client_report>;
    static constexpr milliseconds reports_delay{100};
    static constexpr std::size_t reports_max = 4096;

    /// @param send is called on the worker
    /// @param workers among which the table of clients is divided
    abuse_watch(io::deadline_queue& deadlines, std::function<void(reports)> send,
                std::size_t workers);

    void configure(const runtime_config& config, std::shared_ptr<shared_meter> of_networks);

    /// A connection of a client that is neither permitted nor known. Each rate that it exceeds
    /// counts; the narrower one is told.
    struct excess {
        abuse::rate which{};
        network who{};
        budget allowed{};
    };
    [[nodiscard]] std::optional<excess> on_connection(const ip_address& client, tick now) noexcept;
    /// Another thing that is counted. @pre a rate of one client
    [[nodiscard]] std::optional<excess> on(abuse::rate which, const ip_address& client,
                                           tick now) noexcept;

    [[nodiscard]] std::optional<abuse::ban_table::found> banned(const ip_address& client,
                                                                instant now) const noexcept
    {
        return bans_.find(client, now);
    }
    /// The worker's bans, as the main thread sends them.
    [[nodiscard]] abuse::ban_table& bans() noexcept { return bans_; }

    void report(const client_report& what) noexcept;
    void wake() noexcept override;

    /// For metrics.
    struct figures {
        std::uint64_t evicted_busy = 0;
        std::uint64_t reports_lost = 0;
    };
    [[nodiscard]] figures counts() const noexcept;

private:
    [[nodiscard]] throttle::meter& meter_of(abuse::rate which) noexcept
    {
        return meters_[static_cast<std::size_t>(which)];
    }

    std::function<void(reports)> send_;
    std::size_t workers_;
    abuse::rate_rules rules_;
    unsigned client_ipv6_prefix_ = 64;
    throttle::hash_seed secret_;
    std::vector<throttle::meter> meters_; ///< one for each rate; that of networks is not used
    std::shared_ptr<shared_meter> networks_;
    abuse::ban_table bans_;
    reports waiting_;
    std::uint64_t lost_ = 0;
    bool is_armed_ = false;
    io::deadline due_;
};

} // namespace fendmail::app

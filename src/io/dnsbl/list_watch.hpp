// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "list_monitor.hpp"

#include <array>
#include <memory>
#include <vector>

/// The keepers of all lists of one site set, and what a lookup tells them.
///
/// Memory: a keeper for each zone, and the latest clients.
/// Errors: none.
/// Threads: one worker.
namespace fendmail::io {

class list_monitors {
public:
    list_monitors(const list_monitor::surroundings& with,
                  std::shared_ptr<const dnsbl::site_set> sites,
                  std::shared_ptr<list_states> states);

    [[nodiscard]] bool is_of(const dnsbl::site_set* sites) const noexcept
    {
        return sites_.get() == sites;
    }
    [[nodiscard]] list_monitor& operator[](std::size_t zone) noexcept { return *keepers_[zone]; }

    [[nodiscard]] list_states& states() noexcept { return *states_; }

    /// False for a client that was there a moment ago: it is not to be counted again.
    [[nodiscard]] bool is_new(const ip_address& client) noexcept;

private:
    std::shared_ptr<const dnsbl::site_set> sites_;
    std::shared_ptr<list_states> states_;
    std::vector<std::unique_ptr<list_monitor>> keepers_;
    std::array<ip_address, dnsbl::hit_rate::window_max> latest_{};
    std::size_t next_latest_ = 0;
};

} // namespace fendmail::io

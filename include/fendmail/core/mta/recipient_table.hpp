// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

/// The hosts that took mail of ours lately.
///
/// Units: wall time in seconds.
/// Memory: some 200 octets for each host, of which there are at most `hosts_max`; the one that took
/// mail the longest ago goes first.
/// Errors: a line of the file that is not understood is counted and left out.
/// Threads: the table has one owner; a set is immutable and shared by all workers.
namespace fendmail::mta {

struct known_host {
    ip_address address;
    instant seen{};   ///< when it last took a mail
    std::string host; ///< its name; "" when it is not known

    friend bool operator==(const known_host&, const known_host&) = default;
};

/// Addresses that stand for more than one host, or for this one, are no hosts that can be known:
/// private ones mean another host in each network (and all clients behind a container's bridge come
/// from one), loopback is this machine.
[[nodiscard]] bool can_be_known(const ip_address& address) noexcept;

class recipient_set {
public:
    /// @param hosts in order of address
    explicit recipient_set(std::vector<known_host> hosts) noexcept
        : hosts_{std::move(hosts)}
    {
    }
    /// The name of the host, maybe ""; nothing when it is not known. Valid as long as the set.
    [[nodiscard]] std::optional<std::string_view> find(const ip_address& client) const noexcept;
    /// Whether one of them is in the network.
    [[nodiscard]] bool has_any_of(const network& net) const noexcept;
    [[nodiscard]] std::size_t size() const noexcept { return hosts_.size(); }

private:
    std::vector<known_host> hosts_;
};

class recipient_table {
public:
    static constexpr std::size_t hosts_max = 65536;

    /// It has taken a mail at `now`. A host that is known keeps the first name that was said.
    /// @return true when it was not known
    bool note(const ip_address& address, std::string_view host, instant now);
    /// Drops those that took none in `ttl`. What seems to have been seen in the future was seen
    /// now: a clock that was ahead must not make a host known for ever.
    /// @return true when there were some
    bool expire(instant now, seconds ttl);
    void forget(const ip_address& address);
    [[nodiscard]] std::size_t size() const noexcept { return by_address_.size(); }
    /// In order of address.
    [[nodiscard]] std::vector<known_host> all() const;

    /// "ADDRESS SECONDS HOST" a line, the oldest first.
    [[nodiscard]] std::string to_file() const;
    /// Adds what a file has. @return how many lines were not understood
    std::size_t read_file(std::string_view text);

private:
    using order = std::list<known_host>;

    order oldest_first_;
    std::unordered_map<ip_address, order::iterator> by_address_;
};

} // namespace fendmail::mta

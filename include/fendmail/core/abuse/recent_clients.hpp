// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/time.hpp"

#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

/// When mail was last accepted from each client.
///
/// Units: wall time.
/// Memory: about 150 octets for each of `places` clients; beyond that the one goes whose mail is
/// longest ago.
/// Errors: std::bad_alloc while it grows; it is consistent then.
/// Threads: one owner.
namespace fendmail::abuse {

class recent_clients {
public:
    static constexpr std::size_t default_places = 100'000;
    /// Times closer to the last one that was told are not worth a line.
    static constexpr seconds default_told_apart = std::chrono::hours{12};

    struct entry {
        network who{};
        instant last{};
        instant told{};
    };

    explicit recent_clients(std::size_t places = default_places)
        : places_{places}
    {
    }
    void tell_apart(seconds span) noexcept { told_apart_ = span; }
    /// @return whether that should be written down
    bool note(const network& who, instant now);
    [[nodiscard]] std::optional<instant> last(const network& who) const noexcept;
    template <class See>
    void for_each(See see) const
    {
        for (const auto& each : by_age_)
            see(each);
    }
    [[nodiscard]] std::size_t size() const noexcept { return by_age_.size(); }
    /// When the one was noted that goes next; nothing while there is room.
    [[nodiscard]] std::optional<instant> next_to_go() const noexcept
    {
        if (by_age_.size() < places_) return std::nullopt;
        return by_age_.front().last;
    }
    /// Drops those of before this.
    void forget_before(instant when);

private:
    struct network_hash {
        std::size_t operator()(const network& of) const noexcept
        {
            return std::hash<ip_address>{}(of.address) ^ of.prefix_length;
        }
    };

    std::size_t places_;
    seconds told_apart_ = default_told_apart;
    std::list<entry> by_age_; ///< the last mail longest ago is first
    std::unordered_map<network, std::list<entry>::iterator, network_hash> index_;
};

/// A line of the file in which they are kept, without its end, and back.
struct accepted_line {
    network who{};
    instant when{};
};
[[nodiscard]] std::string write_line(const accepted_line& of);
[[nodiscard]] std::optional<accepted_line> parse_accepted(std::string_view line);

} // namespace fendmail::abuse

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"

#include <array>
#include <cstddef>

/// How many of the clients that passed before a list knows now, each network counted once.
///
/// A list that begins to know clients that always passed is wrong, and they must not suffer for it.
/// But bots pass as well while they are new, and lists get to know them later; that is what lists
/// are for. So what counts is how many *networks* are involved: 20 bots that come back, or 200 in
/// 20 networks, are 20 of the 64 latest networks. An attacker that wants to be spared needs to have
/// passed from more than 50 networks of a /16 each, and is spared by one list only, and only by
/// addresses that had passed it anyway.
///
/// Units: networks are an IPv4 /16 or an IPv6 /32.
/// Memory: 64 networks.
/// Errors: none.
/// Threads: one owner.
namespace fendmail::dnsbl {

class known_rate {
public:
    static constexpr std::size_t window = 64;
    static constexpr double too_many = 0.80;  ///< of them listed, ...
    static constexpr double usual_max = 0.30; ///< ... and fewer than that before
    static constexpr std::size_t before_min =
        64;                                    ///< networks before the window, or it says nothing
    static constexpr std::size_t memory = 200; ///< networks after which two thirds are forgotten

    void on_client(const ip_address& client, bool listed) noexcept;

    /// The list knows most clients that passed before, and used not to: they are to be spared. It
    /// lasts until fewer than half of them are listed.
    [[nodiscard]] bool spares() const noexcept { return spares_; }

private:
    struct entry {
        network of;
        bool listed = false;
    };
    void judge() noexcept;

    std::array<entry, window> latest_{};
    std::size_t at_ = 0; ///< where the next network goes
    std::size_t held_ = 0;
    std::size_t hits_ = 0;
    std::size_t before_ = 0; ///< networks that left the window, at most `memory`
    double usual_ = 0;
    bool spares_ = false;
};

} // namespace fendmail::dnsbl

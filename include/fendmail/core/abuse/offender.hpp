// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/abuse/ban_rules.hpp"
#include "fendmail/core/abuse/offence.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/core/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// What is remembered against one client, or against a network: points that leak away, and a ban.
///
/// Units: thousandths of points, so that they leak in every second; wall time.
/// A clock that jumps: time that runs backwards leaks nothing, and a ban that ends later than any
/// can is cut to the longest; so a jump of an hour moves what is there by an hour and no more.
/// Memory: some 80 octets.
/// Errors: none; a line that is none is refused as a whole.
/// Threads: values.
namespace fendmail::abuse {

enum class ban_origin : std::uint8_t {
    none,     ///< it is not banned and was not
    offences, ///< its points
    network,  ///< a network, by the banned addresses in it
    admin,
};
[[nodiscard]] std::string_view to_string(ban_origin o) noexcept;

struct offender {
    network who{};
    std::int64_t milli_points = 0;
    instant touched{}; ///< when the points were last looked at
    instant since{};   ///< of the last ban
    instant until{};   ///< of the last ban
    std::uint32_t bans = 0;
    ban_origin origin = ban_origin::none;
    by_offence<std::uint16_t> seen{}; ///< since the last ban ended; of a ban what led to it

    [[nodiscard]] bool is_banned(instant now) const noexcept { return until > now; }
    friend bool operator==(const offender&, const offender&) = default;
};

/// Takes off what has leaked until now.
void leak(offender& of, const ban_rules& rules, instant now) noexcept;
/// Adds the points of these. @return whether they are enough for a ban
[[nodiscard]] bool add_offences(offender& to, offence_set what, const ban_rules& rules,
                                instant now) noexcept;
/// @param jitter from 0 to 1, chosen at random: so that those banned together do not come back
/// together
void begin_ban(offender& of, const ban_rules& rules, instant now, double jitter) noexcept;
/// How long a ban can be at most.
[[nodiscard]] seconds longest_ban(const ban_rules& rules) noexcept;
/// Nothing is left that would count.
[[nodiscard]] bool is_forgotten(const offender& of, const ban_rules& rules, instant now) noexcept;

/// "pregreet*2,dnsbl", "3 banned addresses", "admin".
[[nodiscard]] std::string reason_of(const offender& of);

/// A line of the file in which they are kept, without its end, and back.
[[nodiscard]] std::string write_line(const offender& of);
[[nodiscard]] std::optional<offender> parse_offender(std::string_view line);

} // namespace fendmail::abuse

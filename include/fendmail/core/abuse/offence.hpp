// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// What a client does that counts against it, and sets of it. A session gives each at most once.
///
/// Memory: an octet for a set.
/// Errors: none.
/// Threads: values.
namespace fendmail::abuse {

enum class offence : std::uint8_t {
    pregreet,
    dnsbl, ///< its score reached the threshold
    non_smtp_command,
    pipelining,
    bare_newline,
    rate,               ///< one of rate_rules was exceeded
    no_ptr,             ///< its address has no name in DNS
    unknown_recipients, ///< the backend knew few or none of many recipients
};
inline constexpr std::array all_offences{
    offence::pregreet,     offence::dnsbl, offence::non_smtp_command, offence::pipelining,
    offence::bare_newline, offence::rate,  offence::no_ptr,           offence::unknown_recipients,
};
inline constexpr std::size_t offence_count = all_offences.size();

/// As in bans.points.
[[nodiscard]] std::string_view to_string(offence o) noexcept;

class offence_set {
public:
    constexpr offence_set() noexcept = default;
    constexpr void add(offence o) noexcept
    {
        bits_ = static_cast<std::uint8_t>(bits_ | 1U << static_cast<unsigned>(o));
    }
    [[nodiscard]] constexpr bool has(offence o) const noexcept
    {
        return (bits_ >> static_cast<unsigned>(o) & 1U) != 0;
    }
    [[nodiscard]] constexpr bool empty() const noexcept { return bits_ == 0; }
    friend constexpr bool operator==(const offence_set&, const offence_set&) = default;

private:
    std::uint8_t bits_ = 0;
};
static_assert(offence_count <= 8);

/// Something for each offence.
template <class T>
struct by_offence {
    std::array<T, offence_count> values{};
    [[nodiscard]] constexpr T& operator[](offence o) noexcept
    {
        return values[static_cast<std::size_t>(o)];
    }
    [[nodiscard]] constexpr const T& operator[](offence o) const noexcept
    {
        return values[static_cast<std::size_t>(o)];
    }
    friend bool operator==(const by_offence&, const by_offence&) = default;
};

/// How often each was seen, for people: "pregreet*2,dnsbl"; "" when none was.
[[nodiscard]] std::string to_text(const by_offence<std::uint16_t>& seen);

} // namespace fendmail::abuse

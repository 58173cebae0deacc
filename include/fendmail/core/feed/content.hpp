// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What is in the file of a feed: networks, in the forms in which they are published.
///
/// Source: address or CIDR a line with comments behind "#" or ";" (FireHOL netset, blocklist.de,
/// the text form of Spamhaus); `ipset save` (ipset(8)); Spamhaus DROP as JSON lines, the last of
/// which has the number of the others.
/// Units: counts of lines and entries; lines are counted from 1.
/// Memory: 20 octets for each network, at most `limits::feed_entries`.
/// Errors: a line that is not understood is counted, and the first one kept; the rest is read all
/// the same, and whether it is of use is for review.hpp to say.
/// Threads: values.
namespace fendmail::feed {

enum class format : std::uint8_t {
    automatic, ///< whichever the text looks like
    cidr,
    ipset,
    drop_json,
    mmdb, ///< MaxMind's; read by io/feed, never here
};
[[nodiscard]] std::string_view to_string(format f) noexcept;

/// Which form a text has, by its first line that says anything: cidr, ipset or drop_json.
[[nodiscard]] format guess_format(std::string_view text) noexcept;

struct content {
    format form = format::cidr; ///< in which it was read
    std::vector<network> networks{};
    std::vector<std::uint32_t> asns{};    ///< of Spamhaus ASN-DROP
    std::optional<std::size_t> claimed{}; ///< how many entries it says it has
    std::size_t bad_lines = 0;
    unsigned first_bad_line = 0;  ///< 0 = none
    std::string first_bad_text{}; ///< its beginning, printable ASCII
    bool is_too_long = false;     ///< more entries than `limits::feed_entries`; the rest is unread

    [[nodiscard]] std::size_t entries() const noexcept { return networks.size() + asns.size(); }
};

/// @param how in which form; `automatic` guesses, `mmdb` has no lines and so finds bad ones only
[[nodiscard]] content parse(std::string_view text, format how);

} // namespace fendmail::feed

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/time.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The networks of known senders as text: one network a line below a comment that names the domain
/// and the time, so that people can read it and `access.rules` could take it as a file.
///
/// Units: wall time, written in UTC (RFC 3339 §5.6).
/// Memory: in proportion to the text.
/// Errors: the line of the first one. Each section says how many networks it has and the last line
/// how many sections there are, so that a file that was cut off is seen to be one.
/// Threads: values only.
namespace fendmail::spf {

struct known_sender {
    std::string domain{};
    instant refreshed_at{};
    std::vector<network> networks{};
    friend bool operator==(const known_sender&, const known_sender&) = default;
};

[[nodiscard]] std::string write_sender_file(std::span<const known_sender> senders);

struct sender_file {
    std::vector<known_sender> senders{}; ///< empty when there is a bad line
    unsigned bad_line = 0;               ///< 1-based; 0 = none
};
[[nodiscard]] sender_file parse_sender_file(std::string_view text);

} // namespace fendmail::spf

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/result.hpp"

#include <string>
#include <string_view>

/// Domain names as SPF and the configuration of known senders use them.
///
/// Source: RFC 1035 §2.3.4 (sizes), RFC 7208 §4.3 (what cannot be asked has no record).
/// Errors: `bad_domain`.
/// Threads: functions of their arguments only.
namespace fendmail::spf {

/// Lower case, no final dot: the form in which names are compared and asked.
[[nodiscard]] std::string canonical_name(std::string_view name);

/// Whether DNS can be asked about a canonical name: labels of letters, digits, "-" and "_" within
/// their sizes, no empty ones. Mail domains and what their records name hold nothing else.
[[nodiscard]] bool is_askable(std::string_view name) noexcept;

/// The domain of a sender as an admin writes it, canonical: at least two labels, the last one no
/// number. Names that are not ASCII have to be written in their "xn--" form.
[[nodiscard]] result<std::string> parse_domain(std::string_view text);

} // namespace fendmail::spf

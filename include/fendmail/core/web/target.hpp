// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The target of an HTTP request.
///
/// Source: RFC 9112 §3.2.1 (origin-form), RFC 3986 §2.1 (percent-encoding); in the query "+" is a
/// blank, as forms have it.
/// Units: octets; a target is as long as the header that it came in.
/// Memory: copies.
/// Errors: a broken escape, an escaped NUL, or a target that is no path is nothing.
/// Threads: values.
namespace fendmail::web {

struct target {
    std::string path;                                         ///< decoded
    std::vector<std::pair<std::string, std::string>> query{}; ///< decoded, in order

    /// The first of that name; "" when there is none.
    [[nodiscard]] std::string_view parameter(std::string_view name) const noexcept;
    friend bool operator==(const target&, const target&) = default;
};

[[nodiscard]] std::optional<target> parse_target(std::string_view text);

/// What stands in `path` behind `prefix`; nothing when it does not begin so or ends there.
[[nodiscard]] std::optional<std::string_view> behind(std::string_view path,
                                                     std::string_view prefix) noexcept;

/// For a segment of a path: letters, digits and -._~: stay, all else is escaped.
[[nodiscard]] std::string escape_segment(std::string_view text);

} // namespace fendmail::web

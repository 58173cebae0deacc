// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/open_recipients.hpp"

#include "fendmail/core/limits.hpp"
#include "fendmail/core/text/ascii.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace fendmail::smtp {

namespace {

constexpr std::string_view postmaster = "postmaster";

bool is_plain(char c) noexcept
{
    return is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == '_';
}

/// A name, or an address in brackets (RFC 5321 §4.1.3).
bool is_domain(std::string_view text) noexcept
{
    if (text.empty() || text.size() > limits::dns_name_octets) return false;
    if (text.front() == '[') {
        if (text.back() != ']') return false;
        text = text.substr(1, text.size() - 2);
        return !text.empty() &&
               std::ranges::all_of(text, [](char c) { return is_plain(c) || c == ':'; });
    }
    return std::ranges::all_of(text, is_plain);
}

/// Blanks, and words of printable ASCII without what begins or ends a path or a string.
bool are_parameters(std::string_view text) noexcept
{
    if (text.empty()) return true;
    return text.front() == ' ' && std::ranges::all_of(text, [](char c) {
               return c >= ' ' && c <= '~' && c != '<' && c != '>' && c != '"' && c != '\\';
           });
}

/// "TO:<...>" up to the ">"; blanks before the "<" are let pass as servers do.
std::optional<std::string_view> path_of(std::string_view& argument) noexcept
{
    constexpr std::string_view to = "to:";
    if (!equals_ignoring_case(argument.substr(0, to.size()), to)) return std::nullopt;
    argument.remove_prefix(to.size());
    argument.remove_prefix(std::min(argument.find_first_not_of(' '), argument.size()));
    if (!argument.starts_with('<')) return std::nullopt;
    const auto end = argument.find('>');
    if (end == std::string_view::npos) return std::nullopt;
    const auto path = argument.substr(1, end - 1);
    argument.remove_prefix(end + 1);
    return path;
}

} // namespace

bool is_plain_local_part(std::string_view text) noexcept
{
    constexpr std::size_t local_part_octets = 64; // RFC 5321 §4.5.3.1.1
    return !text.empty() && text.size() <= local_part_octets && std::ranges::all_of(text, is_plain);
}

std::optional<std::string> open_recipient(std::string_view argument,
                                          std::span<const std::string> open)
{
    const auto path = path_of(argument);
    if (!path || !are_parameters(argument)) return std::nullopt;
    const auto at = path->find('@');
    std::string_view local_part = path->substr(0, at);
    // With quotes it is the same mailbox, RFC 5321 §4.1.2.
    const bool is_quoted =
        local_part.size() > 2 && local_part.front() == '"' && local_part.back() == '"';
    if (is_quoted) local_part = local_part.substr(1, local_part.size() - 2);
    const auto is_it = [&](std::string_view one) { return equals_ignoring_case(one, local_part); };
    if (!is_plain_local_part(local_part) || std::ranges::none_of(open, is_it)) return std::nullopt;
    if (at == std::string_view::npos) {
        if (!is_it(postmaster)) return std::nullopt;
        return fmt::format("RCPT TO:<{}>{}", local_part, argument);
    }
    const auto domain = path->substr(at + 1);
    if (!is_domain(domain)) return std::nullopt;
    return fmt::format("RCPT TO:<{}@{}>{}", local_part, domain, argument);
}

} // namespace fendmail::smtp

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/spf/domain.hpp"

#include "fendmail/core/limits.hpp"
#include "fendmail/core/text/ascii.hpp"

#include <algorithm>

namespace fendmail::spf {

std::string canonical_name(std::string_view name)
{
    if (name.ends_with('.')) name.remove_suffix(1);
    return to_lower(name);
}

bool is_askable(std::string_view name) noexcept
{
    if (name.empty() || name.size() > limits::dns_name_octets) return false;
    for (std::string_view rest = name;;) {
        const auto dot = rest.find('.');
        const std::string_view label = rest.substr(0, dot);
        if (label.empty() || label.size() > limits::dns_label_octets) return false;
        if (!std::ranges::all_of(
                label, [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '_'; }))
            return false;
        if (dot == std::string_view::npos) return true;
        rest.remove_prefix(dot + 1);
    }
}

result<std::string> parse_domain(std::string_view text)
{
    std::string name = canonical_name(text);
    const auto dot = name.rfind('.');
    if (!is_askable(name) || dot == std::string::npos) return error::bad_domain;
    // "192.0.2.1" was meant for access.rules.
    if (std::ranges::all_of(name.substr(dot + 1), is_digit)) return error::bad_domain;
    return name;
}

} // namespace fendmail::spf

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/web/access.hpp"

#include "fendmail/core/address.hpp"
#include "fendmail/core/text/ascii.hpp"

#include <algorithm>

namespace fendmail::web {

namespace {

constexpr std::string_view json = "application/json";

/// "[::1]:8025" and "localhost:8025" without the port.
std::string_view without_port(std::string_view host) noexcept
{
    if (host.starts_with('[')) {
        const auto end = host.find(']');
        return end == std::string_view::npos ? std::string_view{} : host.substr(1, end - 1);
    }
    const auto colon = host.find(':');
    // An IPv6 address without brackets is no Host, but harmless.
    if (colon != std::string_view::npos && host.find(':', colon + 1) != std::string_view::npos)
        return host;
    return host.substr(0, colon);
}

/// "http://HOST" and "https://HOST"; "" for anything else, "null" too.
std::string_view host_of_origin(std::string_view origin) noexcept
{
    for (const std::string_view scheme : {"http://", "https://"})
        if (origin.starts_with(scheme)) return origin.substr(scheme.size());
    return {};
}

bool is_json(std::string_view content_type) noexcept
{
    auto type = content_type.substr(0, content_type.find(';'));
    while (type.ends_with(' '))
        type.remove_suffix(1);
    return equals_ignoring_case(type, json);
}

/// A change that a web page of another site could have made a browser send.
std::optional<refusal> forged(const request_facts& from)
{
    if (!is_json(from.content_type))
        return refusal{415, "changes need Content-Type: application/json"};
    if (!from.origin.empty() && !equals_ignoring_case(host_of_origin(from.origin), from.host))
        return refusal{403, "the Origin is not this host"};
    if (!from.fetch_site.empty() && from.fetch_site != "same-origin" && from.fetch_site != "none")
        return refusal{403, "a page of another site sent this"};
    return std::nullopt;
}

/// "" when there is none.
std::string_view token_in(std::string_view authorization) noexcept
{
    constexpr std::string_view bearer = "bearer ";
    if (!equals_ignoring_case(authorization.substr(0, bearer.size()), bearer)) return {};
    return authorization.substr(bearer.size());
}

bool is_token(std::string_view given, std::string_view secret) noexcept
{
    return !secret.empty() && equals_in_constant_time(given, secret);
}

} // namespace

bool equals_in_constant_time(std::string_view given, std::string_view secret) noexcept
{
    // Volatile, or a compiler may see that the rest no longer matters.
    volatile unsigned char differs = given.size() == secret.size() ? 0 : 1;
    for (std::size_t i = 0; i < given.size(); ++i) {
        const char other = secret.empty() ? '\0' : secret[i % secret.size()];
        differs = static_cast<unsigned char>(differs | (given[i] ^ other));
    }
    return differs == 0;
}

bool is_own_host(std::string_view host, const std::vector<std::string>& hosts)
{
    auto name = without_port(host);
    if (name.ends_with('.')) name.remove_suffix(1);
    // Browsers always send one; a probe of HTTP/1.0 may not.
    if (host.empty()) return true;
    if (name.empty()) return false;
    if (equals_ignoring_case(name, "localhost") || parse_address(name)) return true;
    return std::ranges::any_of(
        hosts, [&](const std::string& one) { return equals_ignoring_case(name, one); });
}

std::optional<refusal> refused(const access_rules& rules, const request_facts& from, right needed)
{
    if (from.local) {
        if (needed <= *from.local) return std::nullopt;
        return refusal{403, "only root and the user of the service may change anything"};
    }
    if (!is_own_host(from.host, rules.hosts))
        return refusal{403, "this is not a name of this host; see admin.hosts"};
    if (needed == right::none) return std::nullopt;
    if (needed == right::change)
        if (const auto why = forged(from)) return why;
    const auto token = token_in(from.authorization);
    if (is_token(token, rules.admin_token)) return std::nullopt;
    if (needed == right::change) {
        if (rules.admin_token.empty())
            return refusal{403, "nothing can be changed over TCP; see admin.admin_token_file"};
        if (is_token(token, rules.read_token)) return refusal{403, "this token may only read"};
        return refusal{401, "this needs the admin's token", !token.empty()};
    }
    if (is_token(token, rules.read_token)) return std::nullopt;
    if (rules.read_token.empty() && rules.admin_token.empty())
        return refusal{403, "nothing can be read over TCP; see admin.token_file"};
    return refusal{401, "this needs a token", !token.empty()};
}

} // namespace fendmail::web

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dns/name_server.hpp"

#include "fendmail/core/text/ascii.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace fendmail::dns {
namespace {

// IFNAMSIZ of Linux is 16 with its NUL; a number has at most 10 digits.
constexpr std::size_t interface_octets = 15;
constexpr std::size_t name_octets = 253; // RFC 1035 §2.3.4, without the dot at the end
constexpr std::size_t label_octets = 63;

/// fe80::/10 (RFC 4291 §2.5.6).
bool is_link_local(const ip_address& address) noexcept
{
    return address.is_v6() && address.octets()[0] == 0xfe && (address.octets()[1] & 0xc0) == 0x80;
}

/// What dev_valid_name() of Linux takes, less what would be a mistake here.
bool is_interface(std::string_view text) noexcept
{
    return !text.empty() && text.size() <= interface_octets &&
           std::ranges::all_of(text, [](char c) {
               return c > ' ' && c < 0x7f && c != '/' && c != ':' && c != '%' && c != ']';
           });
}

struct split_text {
    std::string_view address; ///< without brackets
    std::string_view port;    ///< "" = none
    bool has_port = false;
};

/// "[a]:p", "a", "a:p"; more than one colon outside brackets is an IPv6 address.
split_text split(std::string_view text) noexcept
{
    if (text.starts_with('[')) {
        const auto close = text.find(']');
        if (close == std::string_view::npos) return {text, {}};
        const auto rest = text.substr(close + 1);
        if (!rest.starts_with(':')) return {text, {}};
        return {text.substr(1, close - 1), rest.substr(1), true};
    }
    const auto colon = text.find(':');
    if (colon == std::string_view::npos || text.find(':', colon + 1) != std::string_view::npos)
        return {text, {}};
    return {text.substr(0, colon), text.substr(colon + 1), true};
}

} // namespace

result<name_server> parse_name_server(std::string_view text)
{
    const auto parts = split(text);
    name_server found;
    found.where.port = default_port;
    if (parts.has_port) {
        const auto port = parse_port(parts.port);
        if (!port || *port == 0) return error::bad_port;
        found.where.port = *port;
    }
    const auto percent = parts.address.find('%');
    const auto address = parse_address(parts.address.substr(0, percent));
    if (!address) return error::bad_address;
    found.where.address = *address;
    if ((percent != std::string_view::npos) != is_link_local(*address)) return error::bad_interface;
    if (percent == std::string_view::npos) return found;
    const auto interface = parts.address.substr(percent + 1);
    if (!is_interface(interface)) return error::bad_interface;
    found.interface = interface;
    return found;
}

std::string to_text(const name_server& which)
{
    auto text = to_text(which.where.address);
    if (!which.interface.empty()) text = fmt::format("{}%{}", text, which.interface);
    if (which.where.port == default_port) return text;
    if (which.where.address.is_v6()) return fmt::format("[{}]:{}", text, which.where.port);
    return fmt::format("{}:{}", text, which.where.port);
}

std::string to_text(const std::vector<name_server>& all)
{
    std::string text;
    for (const auto& one : all) {
        if (one.where.port == 0) continue;
        if (!text.empty()) text += ", ";
        text += to_text(one);
    }
    return text.empty() ? "none" : text;
}

result<named_host> parse_named_host(std::string_view text, std::uint16_t port)
{
    named_host found{{}, port};
    if (const auto colon = text.find(':'); colon != std::string_view::npos) {
        const auto written = parse_port(text.substr(colon + 1));
        if (!written || *written == 0) return error::bad_port;
        found.port = *written;
        text = text.substr(0, colon);
    }
    if (found.port == 0) return error::missing_port;
    const auto name = text.substr(0, text.size() - (text.ends_with('.') ? 1 : 0));
    if (name.empty() || name.size() > name_octets) return error::bad_host;
    std::string_view last;
    for (auto left = name; !left.empty();) {
        const auto end = std::min(left.find('.'), left.size());
        last = left.substr(0, end);
        const bool is_label = !last.empty() && last.size() <= label_octets && last.front() != '-' &&
                              last.back() != '-' && std::ranges::all_of(last, [](char c) {
                                  return is_letter(c) || is_digit(c) || c == '-' || c == '_';
                              });
        if (!is_label || end + 1 == left.size()) return error::bad_host;
        left.remove_prefix(std::min(end + 1, left.size()));
    }
    if (std::ranges::all_of(last, is_digit)) return error::bad_host;
    std::ranges::transform(text, std::back_inserter(found.name), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return found;
}

result<server_address> parse_server_address(std::string_view text)
{
    const auto server = parse_name_server(text);
    if (server) return server_address{*server};
    if (auto host = parse_named_host(text, default_port)) return server_address{std::move(*host)};
    if (const auto where = parse_endpoint(text); where && where->port == 0)
        return error::unusable_port;
    return server.error() == error::bad_interface ? error::bad_interface : error::bad_resolver;
}

std::string to_text(const server_address& which)
{
    if (const auto* const server = std::get_if<name_server>(&which)) return to_text(*server);
    const auto& host = std::get<named_host>(which);
    return host.port == default_port ? host.name : fmt::format("{}:{}", host.name, host.port);
}

std::string to_text(const server_list& all)
{
    std::string text;
    for (const auto& one : all) {
        if (!text.empty()) text += ", ";
        text += to_text(one);
    }
    return text;
}

} // namespace fendmail::dns

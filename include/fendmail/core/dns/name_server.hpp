// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/result.hpp"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// Where questions can be sent, as a configuration or a resolv.conf names it.
///
/// Source: resolv.conf(5); RFC 4007 §11 (an address with the interface behind "%"), RFC 6874 is
/// about URIs and does not apply here; RFC 1123 §2.1 (host names).
/// Memory: the texts.
/// Errors: parsers return `error`.
/// Threads: values only.
namespace fendmail::dns {

inline constexpr std::uint16_t default_port = 53;

struct name_server {
    endpoint where{};        ///< port 0: nothing can be sent there (yet)
    std::string interface{}; ///< of a link-local address: its name, or its number in digits

    friend auto operator<=>(const name_server&, const name_server&) = default;
};

/// "192.0.2.53", "2001:db8::53", "fe80::1%eth0", "192.0.2.53:5353" or "[fe80::1%eth0]:5353". The
/// port is 53 where the text has none, and never 0. A link-local address must have its interface,
/// without which no kernel knows where to send, and no other address may have one.
[[nodiscard]] result<name_server> parse_name_server(std::string_view text);

/// "192.0.2.53", "fe80::1%eth0"; with another port than 53 "192.0.2.53:5353", "[::1]:5353".
[[nodiscard]] std::string to_text(const name_server& which);
/// "192.0.2.53, 192.0.2.54"; "none" when there are none.
[[nodiscard]] std::string to_text(const std::vector<name_server>& all);

/// A name server or a host by its name, which has to be looked up.
struct named_host {
    std::string name;
    std::uint16_t port = 0;

    friend auto operator<=>(const named_host&, const named_host&) = default;
};
/// "unbound", "unbound:5353"; letters, digits, "-", "_" (containers have them) and dots, and no
/// number alone at its end, which would be a mistyped address. A dot at the end stays there: it
/// says that nothing is to be tried behind the name.
/// @param port where the text has none; 0 = it must have one
[[nodiscard]] result<named_host> parse_named_host(std::string_view text, std::uint16_t port);

/// A name server as a configuration names it.
using server_address = std::variant<name_server, named_host>;
/// In the order in which they are to be asked; none = those of the system (resolv.conf).
using server_list = std::vector<server_address>;

/// One or the other; the port is 53 where the text has none. Errors: unusable_port,
/// bad_interface, else bad_resolver.
[[nodiscard]] result<server_address> parse_server_address(std::string_view text);
/// As it would be written; without the port where it is 53.
[[nodiscard]] std::string to_text(const server_address& which);
/// "192.0.2.53, unbound:5353"; "" for those of the system.
[[nodiscard]] std::string to_text(const server_list& all);

} // namespace fendmail::dns

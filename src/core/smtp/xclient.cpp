// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/xclient.hpp"

#include <fmt/format.h>

#include <array>

namespace fendmail::smtp {

namespace {

constexpr std::string_view unavailable = "[UNAVAILABLE]";

/// Without the prefix Postfix refuses the address with 501 and goes on with ours.
std::string address_value(const ip_address& address)
{
    return (address.is_v6() ? "IPV6:" : "") + to_text(address);
}

} // namespace

std::string to_xtext(std::string_view text)
{
    std::string out;
    for (const char c : text) {
        if (c >= '!' && c <= '~' && c != '+' && c != '=')
            out += c;
        else
            out += fmt::format("+{:02X}", static_cast<unsigned char>(c));
    }
    return out;
}

std::optional<std::string> xclient_command(const extensions& offered, const endpoint& client,
                                           const endpoint& local)
{
    if (!offered.has("XCLIENT", "ADDR")) return std::nullopt;

    struct attribute {
        std::string_view name;
        std::string value;
    };
    // Without NAME Postfix keeps the name of our own connection, so that a stranger would have
    // the rights of, for example, "localhost". It does no lookup of its own after XCLIENT.
    const std::array attributes{
        attribute{"NAME", std::string{unavailable}},
        attribute{"REVERSE_NAME", std::string{unavailable}},
        attribute{"ADDR", address_value(client.address)},
        attribute{"PORT", std::to_string(client.port)},
        attribute{"DESTADDR", address_value(local.address)},
        attribute{"DESTPORT", std::to_string(local.port)},
    };
    std::string out = "XCLIENT";
    for (const attribute& a : attributes)
        if (offered.has("XCLIENT", a.name)) out += fmt::format(" {}={}", a.name, to_xtext(a.value));
    return out;
}

} // namespace fendmail::smtp

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/screen/connect.hpp"

#include "fendmail/core/assert.hpp"

#include <algorithm>

namespace fendmail::screen {

std::optional<connect_refusal> refused_at_connect(const connect_limits& limits,
                                                  const connect_load& load) noexcept
{
    if (limits.clients_per_address != 0 && load.of_client > limits.clients_per_address)
        return connect_refusal::too_many_connections;
    if (limits.handing_off != 0 && load.handing_off >= limits.handing_off)
        return connect_refusal::all_server_ports_busy;
    return std::nullopt;
}

std::optional<connect_refusal> refused_to_screen(const connect_limits& limits,
                                                 const connect_load& load) noexcept
{
    if (limits.screening != 0 && load.screening > limits.screening)
        return connect_refusal::all_screening_ports_busy;
    return std::nullopt;
}

bool may_wait_in_transit(const connect_limits& limits, const connect_load& load) noexcept
{
    return limits.handing_off == 0 || load.handing_off * 2 < limits.handing_off;
}

smtp::reply reply_to(connect_refusal why)
{
    switch (why) {
    case connect_refusal::too_many_connections:
        return smtp::make_reply(421, "4.7.0", "Error: too many connections");
    case connect_refusal::all_screening_ports_busy:
        return smtp::make_reply(421, "4.3.2", "All screening ports are busy");
    case connect_refusal::all_server_ports_busy:
        return smtp::make_reply(421, "4.3.2", "All server ports are busy");
    case connect_refusal::network_asked_too_much:
        return smtp::make_reply(421, "4.7.0", "Error: too many new clients from your network");
    }
    FENDMAIL_ASSERT(false);
}

smtp::reply reply_at_stop()
{
    return smtp::make_reply(421, "4.3.2", "Service shutting down");
}

bool can_earn_pass(const acl::access_list& interfaces, const ip_address& local) noexcept
{
    if (interfaces.empty()) return true;
    const auto found = interfaces.find(local);
    return found && found->decision == acl::decision::permit;
}

network neighbours_of(const ip_address& client, unsigned ipv6_prefix) noexcept
{
    // A /64 is one host, however long the prefix by which connections are counted.
    constexpr unsigned v4 = 24;
    const unsigned v6 = std::min(ipv6_prefix, 64U);
    return network_of(client, client.is_v4() ? v4 : v6);
}

std::string_view to_string(connect_refusal c) noexcept
{
    switch (c) {
    case connect_refusal::too_many_connections: return "too_many_connections";
    case connect_refusal::all_screening_ports_busy: return "all_screening_ports_busy";
    case connect_refusal::all_server_ports_busy: return "all_server_ports_busy";
    case connect_refusal::network_asked_too_much: return "network_asked_too_much";
    }
    return "unknown refusal";
}

} // namespace fendmail::screen

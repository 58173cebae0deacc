// SPDX-License-Identifier: Apache-2.0
#include "networks.hpp"

#include "fendmail/io/net/own_addresses.hpp"

#include <fmt/format.h>

namespace fendmail::app {

std::optional<network> network_in(std::string_view text)
{
    const auto slash = text.find('/');
    if (slash == std::string_view::npos) {
        const auto one = parse_network(text);
        return one ? std::optional{*one} : std::nullopt;
    }
    const auto address = parse_address(text.substr(0, slash));
    if (!address) return std::nullopt;
    const auto net = parse_network(
        fmt::format("{}/{}", address->is_v4() ? "0.0.0.0" : "::", text.substr(slash + 1)));
    if (!net) return std::nullopt;
    return network_of(*address, net->prefix_length);
}

std::string whose_is(const network& net, const api_subject& subject)
{
    for (const auto& own : io::own_addresses())
        if (net.contains(own)) return fmt::format("{} is an address of this host", to_text(own));
    for (const auto& one : subject.facts.listening)
        if (net.contains(one.address))
            return fmt::format("{} is an address of this host", to_text(one.address));
    const auto now = subject.current();
    if (now->config.proxy_protocol.trusts(net.address))
        return fmt::format("{} is in proxy_protocol.trusted", to_text(net.address));
    if (!now->backend_address) return {};
    const auto backends = now->backend_address->now();
    for (const auto& one : *backends)
        if (net.contains(one.address))
            return fmt::format("{} is the backend", to_text(one.address));
    return {};
}

} // namespace fendmail::app

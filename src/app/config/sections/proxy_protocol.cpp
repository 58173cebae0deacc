// SPDX-License-Identifier: Apache-2.0
#include "all.hpp"
#include "fendmail/app/config/local_names.hpp"
#include "fendmail/core/dns/name_server.hpp"

namespace fendmail::app {

namespace {

class proxy_protocol_builder : section_builder {
public:
    explicit proxy_protocol_builder(const section_builder& from)
        : section_builder{from}
    {
    }
    void build();

private:
    void trusted_name(const text_item& item, fendmail::error why);
};

void proxy_protocol_builder::build()
{
    constexpr std::string_view name = "proxy_protocol.trusted";
    for (const text_item& item : get("proxy_protocol", "trusted").texts) {
        const auto net = parse_network(item.text);
        if (!net) {
            trusted_name(item, net.error());
            continue;
        }
        out_.runtime.proxy_protocol.trust(*net);
        if (net->prefix_length == 0)
            problems_.warning(item.where,
                              fmt::format("{}: {} is everybody: any client may claim any address, "
                                          "and one that sends no PROXY header is not served; name "
                                          "the balancers",
                                          name, in_quotes(item.written)));
    }
}

/// A name counts when /etc/hosts has it, and no other: a trusted address may claim to be any
/// client, and an answer of DNS does not prove an identity.
void proxy_protocol_builder::trusted_name(const text_item& item, fendmail::error why)
{
    constexpr std::string_view name = "proxy_protocol.trusted";
    const auto host = dns::parse_named_host(item.text, dns::default_port);
    if (!host || item.text.find(':') != std::string::npos) return error(item, name, why);
    const auto all = addresses_here(host->name);
    if (all.empty())
        found(item, name,
              "this name is not in /etc/hosts, and DNS is not asked for it: whoever answers there "
              "could then claim to be any client; write the address or network");
    for (const auto& one : all)
        out_.runtime.proxy_protocol.trust({one, static_cast<std::uint8_t>(one.bits())});
}

} // namespace

const section_source proxy_protocol_section{
    {"proxy_protocol", "For a load balancer that stands in front of fendmail."},
    [](section_rows& keys) { keys.add_part(&runtime_config::proxy_protocol); },
    build_with<proxy_protocol_builder>,
};

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/cli/check_resolvers.hpp"

#include "fendmail/core/dnsbl/known_lists.hpp"
#include "fendmail/core/dnsbl/public_resolvers.hpp"
#include "fendmail/io/dns/server_book.hpp"
#include "fendmail/io/dns/udp_drops.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <map>

namespace fendmail::app {

namespace {

/// Every name server that some list is asked through, each once.
std::vector<dns::name_server> servers_of(const runtime_config& config)
{
    std::vector<dns::name_server> all;
    const auto add = [&all](const dns::server_list& which) {
        for (const auto& one : io::read_server_book(which).servers_of(which))
            if (std::ranges::find(all, one) == all.end()) all.push_back(one);
    };
    bool any_common = config.screening.names.ask_dns();
    for (const auto& zone : config.dnsbl_sites.zones) {
        if (!zone.resolvers.empty()) add(zone.resolvers);
        any_common = any_common || zone.resolvers.empty();
    }
    if (any_common) add(config.resolvers);
    return all;
}

} // namespace

std::vector<std::string> lost_questions(const runtime_config& config)
{
    std::vector<std::string> out;
    for (const auto& server : servers_of(config)) {
        const auto lost = io::drops_here(server.where);
        if (lost.value_or(0) == 0) continue;
        out.push_back(fmt::format("the name server on this machine, {}, has lost {} questions for "
                                  "want of buffer since it started; raise its receive buffer "
                                  "(unbound: so-rcvbuf, with the kernel's net.core.rmem_max)",
                                  to_text(server), *lost));
    }
    return out;
}

std::vector<std::string> refusing_lists(const runtime_config& config)
{
    dns::server_list all = config.resolvers;
    for (const auto& zone : config.dnsbl_sites.zones)
        all.insert(all.end(), zone.resolvers.begin(), zone.resolvers.end());
    return refusing_lists(config, io::read_server_book(all));
}

std::vector<std::string> refusing_lists(const runtime_config& config, const io::server_book& book)
{
    struct finding {
        std::string where_from;
        std::string_view whose;
        std::vector<std::string> lists;
    };
    std::map<std::string, finding> found;
    for (const auto& zone : config.dnsbl_sites.zones) {
        const auto* known = dnsbl::find_known_list(zone.zone);
        if (known == nullptr || !known->refuses_public) continue;
        const auto& which = zone.resolvers.empty() ? config.resolvers : zone.resolvers;
        for (const auto& server : book.servers_of(which)) {
            const auto whose = dnsbl::public_resolver(server.where.address);
            if (whose.empty()) continue;
            auto& one = found[to_text(server)];
            one.whose = whose;
            if (which.empty()) one.where_from = fmt::format(" ({})", io::resolv_conf_file);
            one.lists.push_back(zone.reply_name);
        }
    }
    std::vector<std::string> out;
    out.reserve(found.size());
    for (const auto& [server, one] : found)
        out.push_back(fmt::format(
            "{}{} is a public resolver ({}): {} refuse{} to answer it, and count{} for nothing "
            "then; run a resolver of your own, such as unbound, and name it in dnsbl.resolvers",
            server, one.where_from, one.whose, fmt::join(one.lists, ", "),
            one.lists.size() == 1 ? "s" : "", one.lists.size() == 1 ? "s" : ""));
    return out;
}

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/cli/check_resolvers.hpp"

#include "fendmail/io/server_book.hpp"
#include "fendmail/io/udp_drops.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace fendmail::app {

namespace {

/// Every name server that some list is asked through, each once.
std::vector<dns::name_server> servers_of(const runtime_config& config)
{
    std::vector<dns::name_server> all;
    const auto add = [&all](const std::vector<std::string>& texts) {
        for (const auto& one : io::read_server_book(texts).servers_of(texts))
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

} // namespace fendmail::app

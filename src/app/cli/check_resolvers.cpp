// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/cli/check_resolvers.hpp"

#include "fendmail/io/resolver.hpp"
#include "fendmail/io/udp_drops.hpp"
#include "fendmail/io/whole_file.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace fendmail::app {

namespace {

constexpr const char* resolv_conf = "/etc/resolv.conf";

/// Every resolver that some list is asked through, each once.
std::vector<std::string> resolvers_of(const runtime_config& config)
{
    std::vector<std::string> all;
    const auto add = [&all](const std::vector<std::string>& more) {
        for (const std::string& one : more)
            if (std::ranges::find(all, one) == all.end()) all.push_back(one);
    };
    bool any_common = config.screening.names.ask_dns();
    for (const auto& zone : config.dnsbl_sites.zones) {
        add(zone.resolvers);
        any_common = any_common || zone.resolvers.empty();
    }
    if (!any_common) return all;
    if (config.resolvers.empty())
        add(name_servers_of(io::read_whole_file(resolv_conf).text.value_or("")));
    else
        add(config.resolvers);
    return all;
}

} // namespace

std::vector<std::string> name_servers_of(std::string_view resolv_conf_text)
{
    constexpr std::string_view keyword = "nameserver";
    constexpr std::string_view blank = " \t\r";
    std::vector<std::string> out;
    while (!resolv_conf_text.empty()) {
        const auto end = std::min(resolv_conf_text.find('\n'), resolv_conf_text.size());
        auto line = resolv_conf_text.substr(0, end);
        resolv_conf_text.remove_prefix(std::min(end + 1, resolv_conf_text.size()));
        if (!line.starts_with(keyword)) continue;
        line.remove_prefix(keyword.size());
        const auto begin = line.find_first_not_of(blank);
        if (begin == 0 || begin == std::string_view::npos) continue;
        line.remove_prefix(begin);
        out.emplace_back(line.substr(0, line.find_first_of(blank)));
    }
    return out;
}

std::vector<std::string> lost_questions(const runtime_config& config)
{
    std::vector<std::string> out;
    for (const std::string& text : resolvers_of(config)) {
        const auto where = io::parse_resolver(text);
        const auto lost = where ? io::drops_here(*where) : std::nullopt;
        if (lost.value_or(0) == 0) continue;
        out.push_back(fmt::format("the name server on this machine, {}, has lost {} questions for "
                                  "want of buffer since it started; raise its receive buffer "
                                  "(unbound: so-rcvbuf, with the kernel's net.core.rmem_max)",
                                  text, *lost));
    }
    return out;
}

} // namespace fendmail::app

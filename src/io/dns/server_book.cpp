// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/dns/server_book.hpp"

#include "fendmail/core/dns/dispatcher.hpp"
#include "fendmail/io/os/whole_file.hpp"

#include <variant>

namespace fendmail::io {

std::vector<dns::name_server> server_book::servers_of(const dns::server_list& which) const
{
    std::vector<dns::name_server> all;
    if (which.empty()) all = system;
    for (const auto& one : which) {
        if (const auto* const server = std::get_if<dns::name_server>(&one)) {
            all.push_back(*server);
            continue;
        }
        const auto& host = std::get<dns::named_host>(one);
        const auto found = hosts.find(host.name);
        if (found == hosts.end()) continue;
        for (const auto& address : found->second)
            all.push_back({{address, host.port}, {}});
    }
    if (all.size() > dns::dispatch_limits::servers_max)
        all.resize(dns::dispatch_limits::servers_max);
    if (all.empty()) all.emplace_back();
    return all;
}

std::vector<dns::name_server> servers_of(const dns::resolv_conf& file)
{
    if (!file.servers.empty()) return file.servers;
    return {{{ip_address::v4({127, 0, 0, 1}), dns::default_port}, {}}};
}

server_book read_server_book(const dns::server_list& which)
{
    server_book book;
    const auto system = read_whole_file(resolv_conf_file).text.value_or("");
    book.system = servers_of(dns::parse_resolv_conf(system));
    const auto hosts = read_whole_file(hosts_file).text.value_or("");
    for (const auto& one : which) {
        const auto* const host = std::get_if<dns::named_host>(&one);
        if (host == nullptr) continue;
        auto found = dns::find_in_hosts(hosts, host->name);
        if (!found.empty()) book.hosts.emplace(host->name, std::move(found));
    }
    return book;
}

} // namespace fendmail::io

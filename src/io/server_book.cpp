// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/server_book.hpp"

#include "fendmail/core/dns/dispatcher.hpp"
#include "fendmail/io/whole_file.hpp"

#include <fmt/format.h>
#include <stdexcept>

namespace fendmail::io {

std::vector<dns::name_server> server_book::servers_of(const std::vector<std::string>& texts) const
{
    std::vector<dns::name_server> all;
    if (texts.empty()) all = system;
    for (const auto& text : texts) {
        const auto server = dns::parse_name_server(text);
        if (server) {
            all.push_back(*server);
            continue;
        }
        const auto host = dns::parse_named_host(text, dns::default_port);
        if (!host)
            throw std::runtime_error(
                fmt::format("resolver \"{}\": {}", text, message(server.error())));
        const auto found = hosts.find(host->name);
        if (found == hosts.end()) continue;
        for (const auto& address : found->second)
            all.push_back({{address, host->port}, {}});
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

server_book read_server_book(const std::vector<std::string>& texts)
{
    server_book book;
    const auto system = read_whole_file(resolv_conf_file).text.value_or("");
    book.system = servers_of(dns::parse_resolv_conf(system));
    const auto hosts = read_whole_file(hosts_file).text.value_or("");
    for (const auto& text : texts) {
        const auto host = dns::parse_named_host(text, dns::default_port);
        if (!host || dns::parse_name_server(text)) continue;
        auto found = dns::find_in_hosts(hosts, host->name);
        if (!found.empty()) book.hosts.emplace(host->name, std::move(found));
    }
    return book;
}

} // namespace fendmail::io

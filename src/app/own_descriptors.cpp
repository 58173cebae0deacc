// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/own_descriptors.hpp"

#include "fendmail/io/resolver.hpp"

#include <set>
#include <string>
#include <vector>

namespace fendmail::app {

namespace {

/// Standard streams, log and syslog, store, files that are read, the main loop with its signals,
/// what watches files, the health check with its connections, a trial of the backend.
constexpr std::size_t of_process = 64;
/// epoll, its timer and what interrupts it.
constexpr std::size_t of_loop = 4;
/// Of the main thread: hosts by their names, and the SPF records of known senders.
constexpr std::size_t resolvers_of_main = 2;

} // namespace

std::size_t own_descriptors(const runtime_config& config, const io::server_book& book,
                            std::size_t workers, std::size_t addresses)
{
    const auto of = [&](const std::vector<std::string>& texts) {
        return io::resolver::descriptors_max(book.servers_of(texts).size());
    };
    std::set<std::vector<std::string>> own;
    for (const auto& zone : config.dnsbl_sites.zones)
        if (!zone.resolvers.empty()) own.insert(zone.resolvers);
    // One for the lists, and one for the names of clients.
    auto of_worker = of_loop + addresses + 2 * of(config.resolvers);
    for (const auto& texts : own)
        of_worker += of(texts);
    return of_process + resolvers_of_main * of({}) + workers * of_worker;
}

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/server/own_descriptors.hpp"

#include "fendmail/app/admin/http.hpp"
#include "fendmail/io/dns/resolver.hpp"

#include <set>
#include <string>
#include <vector>

namespace fendmail::app {

namespace {

/// Standard streams, log and syslog, store, files that are read, the main loop with its signals,
/// what watches files, a trial of the backend.
constexpr std::size_t of_process = 64;
/// The admin's two listeners and those that ask there, for whom DNS may be asked.
constexpr std::size_t of_admin = 2 * (admin_http::connections_max + admin_http::streams_max);
/// epoll, its timer and what interrupts it.
constexpr std::size_t of_loop = 4;
/// Of the main thread: hosts by their names, and the SPF records of known senders.
constexpr std::size_t resolvers_of_main = 2;
/// The file, the one before it, and a watch that is closed once there is a new one.
constexpr std::size_t of_followed_log = 4;

} // namespace

std::size_t own_descriptors(const runtime_config& config, const io::server_book& book,
                            std::size_t workers, std::size_t addresses)
{
    const auto of = [&](const dns::server_list& which) {
        return io::resolver::descriptors_max(book.servers_of(which).size());
    };
    std::set<dns::server_list> own;
    for (const auto& zone : config.dnsbl_sites.zones)
        if (!zone.resolvers.empty()) own.insert(zone.resolvers);
    // Of each listening socket there is another descriptor, for a successor.
    auto of_worker = of_loop + 2 * addresses + of(config.resolvers);
    for (const auto& which : own)
        of_worker += of(which);
    const auto of_log_files = config.known_recipients.logs.size() * of_followed_log;
    return of_process + of_log_files + of_admin + resolvers_of_main * of({}) + workers * of_worker;
}

} // namespace fendmail::app

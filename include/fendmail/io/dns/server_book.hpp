// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/dns/host_files.hpp"
#include "fendmail/core/dns/name_server.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

/// What is known at a moment of the name servers that a configuration can name: those of the
/// system, and where hosts are.
///
/// Source: resolv.conf(5), hosts(5).
/// Memory: some texts; one book is shared by all workers.
/// Errors: servers that cannot be known are none.
/// Threads: immutable once it is published.
namespace fendmail::io {

inline constexpr const char* resolv_conf_file = "/etc/resolv.conf";
inline constexpr const char* hosts_file = "/etc/hosts";

struct server_book {
    std::vector<dns::name_server> system; ///< in the order in which they are to be asked
    std::map<std::string, std::vector<ip_address>, std::less<>> hosts;

    /// @param which empty = the system's. Of names that are not in the book there are no addresses.
    /// @return at least one; of what is not known, one to which nothing can be sent
    [[nodiscard]] std::vector<dns::name_server> servers_of(const dns::server_list& which) const;

    friend bool operator==(const server_book&, const server_book&) = default;
};

/// Those of resolv.conf; 127.0.0.1 where it names none (resolv.conf(5)).
[[nodiscard]] std::vector<dns::name_server> servers_of(const dns::resolv_conf& file);
/// What the two files say now, with the names among `which` that /etc/hosts knows.
[[nodiscard]] server_book read_server_book(const dns::server_list& which);

} // namespace fendmail::io

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/dns/name_server.hpp"

#include <string>
#include <string_view>
#include <vector>

/// What two files of a system say about names.
///
/// Source: resolv.conf(5), hosts(5); RFC 6761 §6.3 ("localhost" is always this machine).
/// Memory: what is returned, which is bounded by the constants below.
/// Errors: none; lines that cannot be understood are as if they were not there, as libc has it.
/// Threads: values only.
namespace fendmail::dns {

struct resolv_conf {
    /// glibc takes three; we take what the dispatcher can use.
    static constexpr std::size_t servers_max = 8;
    static constexpr std::size_t search_max = 16;

    std::vector<name_server> servers;
    std::vector<std::string> unusable; ///< behind "nameserver" and no address that can be asked
    std::vector<std::string> search;   ///< domains that are tried behind a name
    unsigned ndots = 1;                ///< a name with so many dots is tried as it is first

    friend bool operator==(const resolv_conf&, const resolv_conf&) = default;
};
[[nodiscard]] resolv_conf parse_resolv_conf(std::string_view text);

/// The addresses of a name in a hosts file, each once, in the order of the file; "localhost" and
/// whatever ends in ".localhost" has its own without one. Letters' case does not count.
[[nodiscard]] std::vector<ip_address> find_in_hosts(std::string_view text, std::string_view name);

/// The names that are to be asked for `name`, one after the other.
[[nodiscard]] std::vector<std::string> candidates_of(std::string_view name, const resolv_conf& how);

} // namespace fendmail::dns

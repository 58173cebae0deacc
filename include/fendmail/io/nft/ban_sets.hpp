// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/abuse/kernel_bans.hpp"
#include "fendmail/core/address.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <vector>

/// The table "inet fendmail" of the kernel's packet filter: two hash sets of clients with
/// timeouts, and two rules that drop the first packet of a TCP connection from one of them to one
/// of the ports. Connections that exist go on.
///
/// The sets are no intervals: to those, one more element costs the kernel a walk through all.
/// Source: nftables' netlink messages (linux/netfilter/nf_tables.h), sent with libmnl.
/// Units: milliseconds of timeouts; elements.
/// Memory: some 150 octets of the kernel's for each element.
/// Errors: error codes of the system. EPERM: CAP_NET_ADMIN is missing. ENOENT: the table is not
/// there. ENFILE: a set is full. EOPNOTSUPP and the like: the kernel has no nf_tables.
/// ETIMEDOUT: it did not answer within 5 s. What failed has changed nothing.
/// Threads: one owner. Calls wait for the kernel.
namespace fendmail::io {

class ban_sets {
public:
    static constexpr std::size_t batch_max = 500; ///< elements of one change()
    static constexpr std::uint32_t default_size = 131'072;

    struct layout {
        std::vector<std::uint16_t> ports;  ///< not empty
        unsigned ipv6_prefix = 64;         ///< of an IPv6 client
        std::uint32_t size = default_size; ///< elements that a set takes
        friend bool operator==(const layout&, const layout&) = default;
    };

    ban_sets();
    ~ban_sets();
    ban_sets(const ban_sets&) = delete;
    ban_sets& operator=(const ban_sets&) = delete;

    /// Opens the way to the kernel. To be called first.
    [[nodiscard]] std::error_code open();
    /// Makes the table, empty, in the place of one that is there.
    [[nodiscard]] std::error_code create(const layout& as);
    /// All of it or nothing. What is added may be there, with another timeout; what is removed may
    /// not be there.
    /// @pre at most batch_max of both together
    [[nodiscard]] std::error_code change(std::span<const abuse::kernel_bans::element> add,
                                         std::span<const ip_address> remove);
    struct contents {
        std::vector<abuse::kernel_bans::element> elements{};
        std::size_t rules = 0;
        std::uint64_t dropped = 0; ///< packets, since create()
    };
    [[nodiscard]] std::error_code read(contents& to);
    /// Packets that were dropped since create().
    [[nodiscard]] std::error_code read_dropped(std::uint64_t& to);
    /// The table, with all that is in it. @return no error when there is none
    [[nodiscard]] std::error_code remove();

    static constexpr std::size_t rules_made = 2;

private:
    class channel;
    std::unique_ptr<channel> kernel_;
};

} // namespace fendmail::io

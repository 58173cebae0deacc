// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "batch.hpp"

#include "fendmail/core/address.hpp"

/// The names within our table, and the messages that make it.
///
/// Source: linux/netfilter/nf_tables.h; what nft(8) shows of it is in docs/abuse.md.
namespace fendmail::io::nft {

inline constexpr const char* table_name = "fendmail";
inline constexpr const char* chain_name = "input";
inline constexpr const char* counter_name = "dropped";
inline constexpr const char* ports_name = "ports";

/// The set of the clients of a family.
[[nodiscard]] const char* set_name(bool is_v4) noexcept;

void put_table(batch& to);
void put_chain(batch& to);
void put_counter(batch& to);
void put_ports(batch& to, std::span<const std::uint16_t> ports);
void put_clients(batch& to, bool is_v4, std::uint32_t size);
/// Drops what begins a connection from a client of that set to one of the ports.
void put_rule(batch& to, bool is_v4, unsigned ipv6_prefix);

} // namespace fendmail::io::nft

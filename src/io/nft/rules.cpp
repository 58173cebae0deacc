// SPDX-License-Identifier: Apache-2.0
#include "rules.hpp"

#include <array>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

namespace fendmail::io::nft {

namespace {

/// What nft(8) calls the types of a set's keys, so that it shows addresses and ports.
constexpr std::uint32_t type_ipv4_address = 7;
constexpr std::uint32_t type_ipv6_address = 8;
constexpr std::uint32_t type_port = 13;

constexpr std::uint32_t before_other_filters = static_cast<std::uint32_t>(-10);

/// One of an IPv4 or IPv6 header, or of a TCP header.
struct part {
    unsigned base;
    std::uint32_t offset;
    std::uint32_t octets;
};
constexpr part ipv4_source{NFT_PAYLOAD_NETWORK_HEADER, 12, 4};
constexpr part ipv6_source{NFT_PAYLOAD_NETWORK_HEADER, 8, 16};
constexpr part tcp_destination_port{NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2};
constexpr part tcp_flags{NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1};

constexpr std::array<std::uint8_t, 1> syn{0x02};
constexpr std::array<std::uint8_t, 1> syn_ack_fin_rst{0x17};

/// A step of a rule; each leaves its value in register 1, and the next one takes it from there.
class step {
public:
    step(nlmsghdr* in, const char* name)
        : element_{in, NFTA_LIST_ELEM}
        , data_{named(in, name), NFTA_EXPR_DATA}
    {
    }

private:
    static nlmsghdr* named(nlmsghdr* in, const char* name)
    {
        put_text(in, NFTA_EXPR_NAME, name);
        return in;
    }
    nest element_;
    nest data_;
};

void put_value(nlmsghdr* to, unsigned type, std::span<const std::uint8_t> value)
{
    const nest in{to, type};
    put_octets(to, NFTA_DATA_VALUE, value);
}

void put_load_meta(nlmsghdr* to, std::uint32_t key)
{
    const step of{to, "meta"};
    put_u32(to, NFTA_META_KEY, key);
    put_u32(to, NFTA_META_DREG, NFT_REG_1);
}

void put_load(nlmsghdr* to, const part& what)
{
    const step of{to, "payload"};
    put_u32(to, NFTA_PAYLOAD_DREG, NFT_REG_1);
    put_u32(to, NFTA_PAYLOAD_BASE, what.base);
    put_u32(to, NFTA_PAYLOAD_OFFSET, what.offset);
    put_u32(to, NFTA_PAYLOAD_LEN, what.octets);
}

void put_mask(nlmsghdr* to, std::span<const std::uint8_t> mask)
{
    const std::array<std::uint8_t, 16> zero{};
    const step of{to, "bitwise"};
    put_u32(to, NFTA_BITWISE_SREG, NFT_REG_1);
    put_u32(to, NFTA_BITWISE_DREG, NFT_REG_1);
    put_u32(to, NFTA_BITWISE_LEN, static_cast<std::uint32_t>(mask.size()));
    put_value(to, NFTA_BITWISE_MASK, mask);
    put_value(to, NFTA_BITWISE_XOR, std::span{zero}.first(mask.size()));
}

void put_equals(nlmsghdr* to, std::span<const std::uint8_t> value)
{
    const step of{to, "cmp"};
    put_u32(to, NFTA_CMP_SREG, NFT_REG_1);
    put_u32(to, NFTA_CMP_OP, NFT_CMP_EQ);
    put_value(to, NFTA_CMP_DATA, value);
}

void put_is_in(nlmsghdr* to, const char* set)
{
    const step of{to, "lookup"};
    put_text(to, NFTA_LOOKUP_SET, set);
    put_u32(to, NFTA_LOOKUP_SREG, NFT_REG_1);
}

void put_count(nlmsghdr* to)
{
    const step of{to, "objref"};
    put_u32(to, NFTA_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
    put_text(to, NFTA_OBJREF_IMM_NAME, counter_name);
}

void put_drop(nlmsghdr* to)
{
    const step of{to, "immediate"};
    put_u32(to, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    const nest data{to, NFTA_IMMEDIATE_DATA};
    const nest verdict{to, NFTA_DATA_VERDICT};
    put_u32(to, NFTA_VERDICT_CODE, NF_DROP);
}

/// @param size 0 = as many as it gets
void put_set(batch& to, const char* name, std::uint32_t type, std::uint32_t octets,
             std::uint32_t flags, std::uint32_t size)
{
    auto* const message = to.message(NFT_MSG_NEWSET, NLM_F_CREATE);
    put_text(message, NFTA_SET_TABLE, table_name);
    put_text(message, NFTA_SET_NAME, name);
    put_u32(message, NFTA_SET_ID, to.last_sequence());
    put_u32(message, NFTA_SET_KEY_TYPE, type);
    put_u32(message, NFTA_SET_KEY_LEN, octets);
    put_u32(message, NFTA_SET_FLAGS, flags);
    if (size == 0) return;
    const nest about{message, NFTA_SET_DESC};
    put_u32(message, NFTA_SET_DESC_SIZE, size);
}

} // namespace

const char* set_name(bool is_v4) noexcept
{
    return is_v4 ? "clients4" : "clients6";
}

void put_table(batch& to)
{
    put_text(to.message(NFT_MSG_NEWTABLE, NLM_F_CREATE), NFTA_TABLE_NAME, table_name);
}

void put_chain(batch& to)
{
    auto* const message = to.message(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
    put_text(message, NFTA_CHAIN_TABLE, table_name);
    put_text(message, NFTA_CHAIN_NAME, chain_name);
    {
        const nest hook{message, NFTA_CHAIN_HOOK};
        put_u32(message, NFTA_HOOK_HOOKNUM, NF_INET_LOCAL_IN);
        put_u32(message, NFTA_HOOK_PRIORITY, before_other_filters);
    }
    put_u32(message, NFTA_CHAIN_POLICY, NF_ACCEPT);
    put_text(message, NFTA_CHAIN_TYPE, "filter");
}

void put_counter(batch& to)
{
    auto* const message = to.message(NFT_MSG_NEWOBJ, NLM_F_CREATE);
    put_text(message, NFTA_OBJ_TABLE, table_name);
    put_text(message, NFTA_OBJ_NAME, counter_name);
    put_u32(message, NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
    const nest data{message, NFTA_OBJ_DATA};
    put_u64(message, NFTA_COUNTER_BYTES, 0);
    put_u64(message, NFTA_COUNTER_PACKETS, 0);
}

void put_ports(batch& to, std::span<const std::uint16_t> ports)
{
    put_set(to, ports_name, type_port, sizeof(std::uint16_t), 0, 0);
    auto* const message = to.message(NFT_MSG_NEWSETELEM, NLM_F_CREATE);
    put_text(message, NFTA_SET_ELEM_LIST_TABLE, table_name);
    put_text(message, NFTA_SET_ELEM_LIST_SET, ports_name);
    const nest elements{message, NFTA_SET_ELEM_LIST_ELEMENTS};
    for (const auto port : ports) {
        const std::array<std::uint8_t, 2> octets{static_cast<std::uint8_t>(port >> 8U),
                                                 static_cast<std::uint8_t>(port & 0xFFU)};
        const nest element{message, NFTA_LIST_ELEM};
        put_value(message, NFTA_SET_ELEM_KEY, octets);
    }
}

void put_clients(batch& to, bool is_v4, std::uint32_t size)
{
    put_set(to, set_name(is_v4), is_v4 ? type_ipv4_address : type_ipv6_address, is_v4 ? 4 : 16,
            NFT_SET_TIMEOUT, size);
}

void put_rule(batch& to, bool is_v4, unsigned ipv6_prefix)
{
    constexpr std::array<std::uint8_t, 1> tcp{IPPROTO_TCP};
    const std::array<std::uint8_t, 1> family{
        static_cast<std::uint8_t>(is_v4 ? NFPROTO_IPV4 : NFPROTO_IPV6)};
    auto* const message = to.message(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    put_text(message, NFTA_RULE_TABLE, table_name);
    put_text(message, NFTA_RULE_CHAIN, chain_name);
    const nest steps{message, NFTA_RULE_EXPRESSIONS};
    put_load_meta(message, NFT_META_NFPROTO);
    put_equals(message, family);
    put_load_meta(message, NFT_META_L4PROTO);
    put_equals(message, tcp);
    put_load(message, tcp_destination_port);
    put_is_in(message, ports_name);
    put_load(message, tcp_flags);
    put_mask(message, syn_ack_fin_rst);
    put_equals(message, syn);
    put_load(message, is_v4 ? ipv4_source : ipv6_source);
    if (!is_v4) {
        std::array<std::uint8_t, 16> ones{};
        ones.fill(0xFF);
        const auto mask = ip_address::v6(ones).masked(ipv6_prefix);
        put_mask(message, mask.octets());
    }
    put_is_in(message, set_name(is_v4));
    put_count(message);
    put_drop(message);
}

} // namespace fendmail::io::nft

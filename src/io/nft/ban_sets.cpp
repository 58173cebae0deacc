// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/nft/ban_sets.hpp"

#include "batch.hpp"
#include "channel.hpp"
#include "rules.hpp"

#include "fendmail/core/assert.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <endian.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

namespace fendmail::io {

namespace {

using element = abuse::kernel_bans::element;

void put_element(nlmsghdr* to, const ip_address& who, milliseconds left)
{
    const nft::nest one{to, NFTA_LIST_ELEM};
    {
        const nft::nest key{to, NFTA_SET_ELEM_KEY};
        nft::put_octets(to, NFTA_DATA_VALUE, who.octets());
    }
    if (left > milliseconds{0})
        nft::put_u64(to, NFTA_SET_ELEM_TIMEOUT, static_cast<std::uint64_t>(left.count()));
}

void put_head(nlmsghdr* to, bool is_v4)
{
    nft::put_text(to, NFTA_SET_ELEM_LIST_TABLE, nft::table_name);
    nft::put_text(to, NFTA_SET_ELEM_LIST_SET, nft::set_name(is_v4));
}

template <class All>
bool has_family(const All& all, bool is_v4)
{
    return std::ranges::any_of(all, [&](const auto& one) { return one.who.is_v4() == is_v4; });
}

/// Those of one family.
void put_elements(nft::batch& to, unsigned type, std::span<const element> all, bool is_v4)
{
    if (!has_family(all, is_v4)) return;
    auto* const message = to.message(type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0);
    put_head(message, is_v4);
    const nft::nest elements{message, NFTA_SET_ELEM_LIST_ELEMENTS};
    for (const auto& one : all)
        if (one.who.is_v4() == is_v4) put_element(message, one.who, one.left);
}

// ── what the kernel answers ─────────────────────────────────────────────────────────────────────

/// The attribute of that type among those of a message or of a nest; null when there is none.
const nlattr* find(const nlattr* first, int octets, unsigned type) noexcept
{
    for (const auto* at = first; mnl_attr_ok(at, octets);) {
        if (mnl_attr_get_type(at) == type) return at;
        octets -= MNL_ALIGN(mnl_attr_get_len(at));
        at = mnl_attr_next(at);
    }
    return nullptr;
}

const nlattr* find_in(const nlattr* nest, unsigned type) noexcept
{
    if (nest == nullptr) return nullptr;
    return find(static_cast<const nlattr*>(mnl_attr_get_payload(nest)),
                mnl_attr_get_payload_len(nest), type);
}

const nlattr* find_in(const nlmsghdr* message, unsigned type) noexcept
{
    constexpr auto head = MNL_ALIGN(sizeof(nfgenmsg));
    const auto octets = mnl_nlmsg_get_payload_len(message);
    if (octets < head) return nullptr;
    return find(static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(message, head)),
                static_cast<int>(octets - head), type);
}

std::uint64_t u64_of(const nlattr* from) noexcept
{
    if (from == nullptr || mnl_attr_get_payload_len(from) != sizeof(std::uint64_t)) return 0;
    return be64toh(mnl_attr_get_u64(from));
}

void read_elements(const nlmsghdr* message, std::vector<element>& to)
{
    const auto* const all = find_in(message, NFTA_SET_ELEM_LIST_ELEMENTS);
    if (all == nullptr) return;
    int left = mnl_attr_get_payload_len(all);
    for (const auto* at = static_cast<const nlattr*>(mnl_attr_get_payload(all));
         mnl_attr_ok(at, left);) {
        const auto* const key = find_in(find_in(at, NFTA_SET_ELEM_KEY), NFTA_DATA_VALUE);
        const auto* const octets =
            key == nullptr ? nullptr : static_cast<const std::uint8_t*>(mnl_attr_get_payload(key));
        element one;
        // 0 for one without a timeout, which is none of ours.
        one.left =
            milliseconds{static_cast<std::int64_t>(u64_of(find_in(at, NFTA_SET_ELEM_EXPIRATION)))};
        std::array<std::uint8_t, 4> v4{};
        std::array<std::uint8_t, 16> v6{};
        if (key != nullptr && mnl_attr_get_payload_len(key) == v4.size()) {
            std::copy_n(octets, v4.size(), v4.begin());
            one.who = ip_address::v4(v4);
            to.push_back(one);
        } else if (key != nullptr && mnl_attr_get_payload_len(key) == v6.size()) {
            std::copy_n(octets, v6.size(), v6.begin());
            one.who = ip_address::v6(v6);
            to.push_back(one);
        }
        left -= MNL_ALIGN(mnl_attr_get_len(at));
        at = mnl_attr_next(at);
    }
}

} // namespace

ban_sets::ban_sets()
    : kernel_{std::make_unique<channel>()}
{
}

ban_sets::~ban_sets() = default;

std::error_code ban_sets::open()
{
    return kernel_->open();
}

std::error_code ban_sets::create(const layout& as)
{
    FENDMAIL_ASSERT(!as.ports.empty());
    nft::batch all{kernel_->next_sequence()};
    // The first one so that there is one to be deleted.
    nft::put_table(all);
    nft::put_text(all.message(NFT_MSG_DELTABLE, 0), NFTA_TABLE_NAME, nft::table_name);
    nft::put_table(all);
    nft::put_counter(all);
    nft::put_ports(all, as.ports);
    nft::put_chain(all);
    for (const bool is_v4 : {true, false}) {
        nft::put_clients(all, is_v4, as.size);
        nft::put_rule(all, is_v4, as.ipv6_prefix);
    }
    return kernel_->run(all);
}

/// Kernels before 6.12 leave an element that is added again its old timeout, and none removes one
/// that is not there: so each is added, removed, and added for good.
std::error_code ban_sets::change(std::span<const element> add, std::span<const ip_address> remove)
{
    FENDMAIL_ASSERT(add.size() + remove.size() <= batch_max);
    std::vector<element> touched;
    for (const auto& who : remove)
        touched.push_back({who, milliseconds{0}});
    for (const auto& one : add)
        touched.push_back({one.who, milliseconds{0}});
    if (touched.empty()) return {};
    nft::batch all{kernel_->next_sequence()};
    for (const bool is_v4 : {true, false}) {
        put_elements(all, NFT_MSG_NEWSETELEM, touched, is_v4);
        put_elements(all, NFT_MSG_DELSETELEM, touched, is_v4);
        put_elements(all, NFT_MSG_NEWSETELEM, add, is_v4);
    }
    return kernel_->run(all);
}

std::error_code ban_sets::read(contents& to)
{
    to = {};
    for (const bool is_v4 : {true, false})
        if (const auto error = kernel_->ask(
                NFT_MSG_GETSETELEM, true, [&](nlmsghdr* message) { put_head(message, is_v4); },
                [&](const nlmsghdr* message) { read_elements(message, to.elements); }))
            return error;
    const auto error = kernel_->ask(
        NFT_MSG_GETRULE, true,
        [](nlmsghdr* message) {
            nft::put_text(message, NFTA_RULE_TABLE, nft::table_name);
            nft::put_text(message, NFTA_RULE_CHAIN, nft::chain_name);
        },
        [&](const nlmsghdr*) { ++to.rules; });
    return error ? error : read_dropped(to.dropped);
}

std::error_code ban_sets::read_dropped(std::uint64_t& to)
{
    return kernel_->ask(
        NFT_MSG_GETOBJ, false,
        [](nlmsghdr* message) {
            nft::put_text(message, NFTA_OBJ_TABLE, nft::table_name);
            nft::put_text(message, NFTA_OBJ_NAME, nft::counter_name);
            nft::put_u32(message, NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
        },
        [&](const nlmsghdr* message) {
            to = u64_of(find_in(find_in(message, NFTA_OBJ_DATA), NFTA_COUNTER_PACKETS));
        });
}

std::error_code ban_sets::remove()
{
    nft::batch all{kernel_->next_sequence()};
    nft::put_table(all);
    nft::put_text(all.message(NFT_MSG_DELTABLE, 0), NFTA_TABLE_NAME, nft::table_name);
    return kernel_->run(all);
}

} // namespace fendmail::io

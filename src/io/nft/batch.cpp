// SPDX-License-Identifier: Apache-2.0
#include "batch.hpp"

#include "fendmail/core/assert.hpp"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

namespace fendmail::io::nft {

namespace {

/// Free behind a message when it is begun: the largest one, elements of a whole batch.
constexpr std::size_t message_octets_max = std::size_t{48} << 10;

} // namespace

batch::batch(std::uint32_t first_sequence)
    : room_(octets_max)
    , sequence_{first_sequence}
{
    auto* const begin = put(NFNL_MSG_BATCH_BEGIN, 0);
    auto* const about = static_cast<nfgenmsg*>(mnl_nlmsg_get_payload(begin));
    about->nfgen_family = 0;
    about->res_id = htons(NFNL_SUBSYS_NFTABLES);
    close_message();
}

nlmsghdr* batch::put(unsigned type, unsigned flags)
{
    FENDMAIL_ASSERT(room_.size() - used_ >= message_octets_max);
    auto* const head = mnl_nlmsg_put_header(room_.data() + used_);
    head->nlmsg_type = static_cast<std::uint16_t>(type);
    head->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    head->nlmsg_seq = sequence_;
    auto* const about = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(head, sizeof(nfgenmsg)));
    about->nfgen_family = NFPROTO_INET;
    about->version = NFNETLINK_V0;
    about->res_id = 0;
    open_ = head;
    return head;
}

void batch::close_message()
{
    if (open_ == nullptr) return;
    used_ += MNL_ALIGN(open_->nlmsg_len);
    open_ = nullptr;
}

nlmsghdr* batch::message(unsigned type, unsigned flags)
{
    close_message();
    ++sequence_;
    return put((NFNL_SUBSYS_NFTABLES << 8U) | type, flags);
}

std::span<const char> batch::finish()
{
    if (open_ != nullptr) open_->nlmsg_flags |= NLM_F_ACK;
    close_message();
    auto* const end = put(NFNL_MSG_BATCH_END, 0);
    end->nlmsg_seq = sequence_ + 1;
    auto* const about = static_cast<nfgenmsg*>(mnl_nlmsg_get_payload(end));
    about->nfgen_family = 0;
    about->res_id = htons(NFNL_SUBSYS_NFTABLES);
    close_message();
    return {room_.data(), used_};
}

void put_u32(nlmsghdr* to, unsigned type, std::uint32_t value)
{
    mnl_attr_put_u32(to, static_cast<std::uint16_t>(type), htonl(value));
}

void put_u64(nlmsghdr* to, unsigned type, std::uint64_t value)
{
    mnl_attr_put_u64(to, static_cast<std::uint16_t>(type), htobe64(value));
}

void put_text(nlmsghdr* to, unsigned type, const char* value)
{
    mnl_attr_put_strz(to, static_cast<std::uint16_t>(type), value);
}

void put_octets(nlmsghdr* to, unsigned type, std::span<const std::uint8_t> value)
{
    mnl_attr_put(to, static_cast<std::uint16_t>(type), value.size(), value.data());
}

} // namespace fendmail::io::nft

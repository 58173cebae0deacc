// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <libmnl/libmnl.h>
#include <netinet/in.h> // before the kernel's own, which give way to it
#include <span>
#include <string_view>
#include <vector>

/// One transaction of nftables: messages that the kernel takes all or none of.
///
/// Source: linux/netfilter/nfnetlink.h (NFNL_MSG_BATCH_BEGIN).
/// Memory: `octets_max`, of which the largest transaction here uses half.
/// Errors: none; more than fits is a mistake of ours and ends the process.
namespace fendmail::io::nft {

class batch {
public:
    static constexpr std::size_t octets_max = std::size_t{192} << 10;

    explicit batch(std::uint32_t first_sequence);

    /// A message of nf_tables (NFT_MSG_...), to which attributes can be added until the next one.
    nlmsghdr* message(unsigned type, unsigned flags);
    /// Asks for an answer to the last message, and ends it.
    std::span<const char> finish();

    [[nodiscard]] std::uint32_t last_sequence() const noexcept { return sequence_; }

private:
    void close_message();
    nlmsghdr* put(unsigned type, unsigned flags);

    std::vector<char> room_;
    std::size_t used_ = 0;
    nlmsghdr* open_ = nullptr;
    std::uint32_t sequence_;
};

/// An attribute with attributes in it, until the end of its scope.
class nest {
public:
    nest(nlmsghdr* in, unsigned type)
        : in_{in}
        , begun_{mnl_attr_nest_start(in, static_cast<std::uint16_t>(type))}
    {
    }
    ~nest() { mnl_attr_nest_end(in_, begun_); }
    nest(const nest&) = delete;
    nest& operator=(const nest&) = delete;

private:
    nlmsghdr* in_;
    nlattr* begun_;
};

/// Numbers are in network order.
void put_u32(nlmsghdr* to, unsigned type, std::uint32_t value);
void put_u64(nlmsghdr* to, unsigned type, std::uint64_t value);
void put_text(nlmsghdr* to, unsigned type, const char* value);
void put_octets(nlmsghdr* to, unsigned type, std::span<const std::uint8_t> value);

} // namespace fendmail::io::nft

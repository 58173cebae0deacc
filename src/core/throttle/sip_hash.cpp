// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/throttle/sip_hash.hpp"

#include <bit>
#include <span>

namespace fendmail::throttle {

namespace {

/// The state of SipHash: four words, its constants are "somepseudorandomlygeneratedbytes".
struct sip {
    std::uint64_t a, b, c, d;

    explicit sip(const hash_seed& secret) noexcept
        : a{secret[0] ^ 0x736f6d6570736575ULL}
        , b{secret[1] ^ 0x646f72616e646f6dULL}
        , c{secret[0] ^ 0x6c7967656e657261ULL}
        , d{secret[1] ^ 0x7465646279746573ULL}
    {
    }

    void round() noexcept
    {
        a += b;
        b = std::rotl(b, 13) ^ a;
        a = std::rotl(a, 32);
        c += d;
        d = std::rotl(d, 16) ^ c;
        a += d;
        d = std::rotl(d, 21) ^ a;
        c += b;
        b = std::rotl(b, 17) ^ c;
        c = std::rotl(c, 32);
    }

    void take(std::uint64_t word) noexcept
    {
        d ^= word;
        round();
        a ^= word;
    }

    [[nodiscard]] std::uint64_t finish() noexcept
    {
        c ^= 0xff;
        round();
        round();
        round();
        return a ^ b ^ c ^ d;
    }
};

std::uint64_t word_of(std::span<const std::uint8_t> octets) noexcept
{
    std::uint64_t word = 0;
    for (const std::uint8_t octet : octets)
        word = word << 8 | octet;
    return word;
}

} // namespace

std::uint64_t sip_hash(const network& of, const hash_seed& secret) noexcept
{
    sip hash{secret};
    const auto octets = of.address.octets();
    hash.take(word_of(octets.first(octets.size() / 2)));
    hash.take(word_of(octets.last(octets.size() / 2)));
    hash.take(std::uint64_t{of.prefix_length} << 1 | (of.address.is_v4() ? 1U : 0U));
    return hash.finish();
}

} // namespace fendmail::throttle

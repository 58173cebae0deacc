// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/acl/prefix_trie.hpp"

#include "fendmail/core/assert.hpp"

#include <algorithm>
#include <bit>

namespace fendmail::acl {

namespace {

/// How many leading bits two addresses of one family share, `most` at the most.
unsigned shared_bits(const ip_address& a, const ip_address& b, unsigned most) noexcept
{
    const auto left = a.octets();
    const auto right = b.octets();
    for (std::size_t i = 0; i < left.size() && i * 8 < most; ++i) {
        const auto differing = static_cast<std::uint8_t>(left[i] ^ right[i]);
        if (differing != 0) {
            const auto found =
                static_cast<unsigned>(i) * 8 + static_cast<unsigned>(std::countl_zero(differing));
            return std::min(found, most);
        }
    }
    return most;
}

/// Which child of a node with a prefix of `index` bits leads towards `address`.
/// @pre index < address.bits()
unsigned bit_at(const ip_address& address, unsigned index) noexcept
{
    return (address.octets()[index / 8] >> (7 - index % 8)) & 1U;
}

} // namespace

std::uint32_t prefix_trie::add_node(const network& net)
{
    // Indices instead of pointers: the vector moves its nodes when it grows.
    FENDMAIL_ASSERT(nodes_.size() < none);
    nodes_.push_back({.net = net});
    return static_cast<std::uint32_t>(nodes_.size() - 1);
}

std::uint32_t prefix_trie::add_leaf(const network& net, std::uint32_t value)
{
    const std::uint32_t made = add_node(net);
    nodes_[made].value = value;
    nodes_[made].has_value = true;
    ++size_;
    return made;
}

void prefix_trie::insert(const network& net, std::uint32_t value)
{
    FENDMAIL_ASSERT(net.address.masked(net.prefix_length) == net.address);
    std::uint32_t& root = net.address.is_v4() ? root_v4_ : root_v6_;
    root = insert_at(root, net, value);
}

// Recursion ends after 129 steps at most, since each one has a longer prefix than the one before.
std::uint32_t prefix_trie::insert_at(std::uint32_t at, const network& net, std::uint32_t value)
{
    if (at == none) return add_leaf(net, value);
    const network here = nodes_[at].net;
    const unsigned shared =
        shared_bits(here.address, net.address, std::min(here.prefix_length, net.prefix_length));
    if (shared == here.prefix_length && shared == net.prefix_length) {
        if (!nodes_[at].has_value) {
            nodes_[at].value = value;
            nodes_[at].has_value = true;
            ++size_;
        }
        return at;
    }
    if (shared == here.prefix_length) {
        const unsigned side = bit_at(net.address, shared);
        const std::uint32_t below = insert_at(nodes_[at].child[side], net, value);
        nodes_[at].child[side] = below;
        return at;
    }
    if (shared == net.prefix_length) {
        const std::uint32_t above = add_leaf(net, value);
        nodes_[above].child[bit_at(here.address, shared)] = at;
        return above;
    }
    const auto fork_length = static_cast<std::uint8_t>(shared);
    const std::uint32_t fork = add_node({net.address.masked(shared), fork_length});
    const std::uint32_t leaf = add_leaf(net, value);
    nodes_[fork].child[bit_at(here.address, shared)] = at;
    nodes_[fork].child[bit_at(net.address, shared)] = leaf;
    return fork;
}

prefix_trie::walk prefix_trie::descend(const ip_address& address) const noexcept
{
    walk seen;
    std::uint32_t at = address.is_v4() ? root_v4_ : root_v6_;
    while (at != none) {
        const node& here = nodes_[at];
        const unsigned length = here.net.prefix_length;
        ++seen.touched;
        if (shared_bits(here.net.address, address, length) < length) break;
        if (here.has_value) seen.value = here.value;
        if (length == address.bits()) break;
        at = here.child[bit_at(address, length)];
    }
    return seen;
}

std::optional<std::uint32_t> prefix_trie::find(const ip_address& address) const noexcept
{
    return descend(address).value;
}

std::size_t prefix_trie::nodes_touched(const ip_address& address) const noexcept
{
    return descend(address).touched;
}

} // namespace fendmail::acl

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

/// Longest-prefix match over IPv4 and IPv6 networks.
///
/// Source: a path-compressed binary trie, as routers keep their tables.
/// Memory: one node of 36 octets a network plus at most one a fork, in one vector: at most 7.2 MB
/// for 100,000 networks. A look-up touches at most as many nodes as the longest chain of nested
/// networks and forks (33 for IPv4, 129 for IPv6), never one per network.
/// Errors: none.
/// Threads: immutable once filled; shared by all workers.
namespace fendmail::acl {

class prefix_trie {
public:
    /// Adds a network; the value of one that is already there stays.
    /// @pre the bits behind the prefix are zero
    void insert(const network& net, std::uint32_t value);
    /// The value of the longest network that holds `address`.
    [[nodiscard]] std::optional<std::uint32_t> find(const ip_address& address) const noexcept;
    /// Networks held, duplicates not counted.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// Nodes that find() looks at for `address`: what a test can bound without a clock.
    [[nodiscard]] std::size_t nodes_touched(const ip_address& address) const noexcept;

private:
    struct node {
        network net;
        std::uint32_t child[2] = {none, none};
        std::uint32_t value = 0;
        bool has_value = false;
    };
    static constexpr std::uint32_t none = 0xffffffff;
    struct walk {
        std::optional<std::uint32_t> value;
        std::size_t touched = 0;
    };
    [[nodiscard]] walk descend(const ip_address& address) const noexcept;
    /// Adds a network below node `at`, which may be `none`.
    /// @return the node that now stands in the place of `at`
    [[nodiscard]] std::uint32_t insert_at(std::uint32_t at, const network& net,
                                          std::uint32_t value);
    [[nodiscard]] std::uint32_t add_node(const network& net);
    [[nodiscard]] std::uint32_t add_leaf(const network& net, std::uint32_t value);

    std::vector<node> nodes_;
    std::uint32_t root_v4_ = none;
    std::uint32_t root_v6_ = none;
    std::size_t size_ = 0;
};

} // namespace fendmail::acl

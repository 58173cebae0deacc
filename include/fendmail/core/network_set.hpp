// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"

#include <cstddef>
#include <set>
#include <vector>

/// A set of addresses, kept as networks none of which lies within another.
///
/// Source: prefix subtraction as routers do it: a network is halved until each half lies within
/// what is taken away, or apart from it.
/// Units: counts of networks.
/// Memory: a tree node for each network. Taking n networks out of one makes at most n times its
/// family's width of them.
/// Errors: none.
/// Threads: a value.
namespace fendmail {

class network_set {
public:
    /// Every address of both families.
    [[nodiscard]] static network_set everything();

    /// @pre the bits behind the prefix are zero
    void add(const network& net);
    void add(const network_set& others);

    /// True when one network of the set holds all of `net`.
    [[nodiscard]] bool covers(const network& net) const;
    /// True when any address is in both.
    [[nodiscard]] bool overlaps(const network& net) const;
    /// What is left of `net` without the addresses of this set, in order of address.
    [[nodiscard]] std::vector<network> rest_of(const network& net) const;
    /// What is in this set as well as in `net`, in order of address.
    [[nodiscard]] std::vector<network> common_with(const network& net) const;

    [[nodiscard]] bool empty() const noexcept { return v4_.empty() && v6_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return v4_.size() + v6_.size(); }
    /// IPv4 first, in order of address.
    [[nodiscard]] std::vector<network> networks() const;

private:
    // Apart, because two families have no order among each other.
    using ordered = std::set<network>;
    [[nodiscard]] ordered& of(const network& net) { return net.address.is_v4() ? v4_ : v6_; }
    [[nodiscard]] const ordered& of(const network& net) const
    {
        return net.address.is_v4() ? v4_ : v6_;
    }
    void append_rest(const network& net, std::vector<network>& out) const;

    ordered v4_;
    ordered v6_;
};

/// 0.0.0.0/0 and ::/0.
[[nodiscard]] network all_v4() noexcept;
[[nodiscard]] network all_v6() noexcept;

/// True when `outer` holds all of `inner`.
[[nodiscard]] bool holds(const network& outer, const network& inner) noexcept;

} // namespace fendmail

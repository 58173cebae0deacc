// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/acl/prefix_trie.hpp"
#include "fendmail/core/address.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Which known sender an address belongs to: the networks of all of them in one trie.
///
/// Memory: that of the trie, the names, and the networks once more.
/// Errors: none.
/// Threads: immutable once filled; shared by all workers.
namespace fendmail::acl {

class sender_set {
public:
    /// Of a network that two senders have, the one that comes first keeps it.
    void add(std::string domain, std::span<const network> nets)
    {
        for (const network& net : nets)
            trie_.insert(net, static_cast<std::uint32_t>(domains_.size()));
        networks_.insert(networks_.end(), nets.begin(), nets.end());
        domains_.push_back(std::move(domain));
    }
    /// The domain of the longest network that holds `client`; valid as long as the set.
    [[nodiscard]] std::optional<std::string_view> find(const ip_address& client) const noexcept
    {
        const auto found = trie_.find(client);
        if (!found) return std::nullopt;
        return domains_[*found];
    }
    [[nodiscard]] std::size_t size() const noexcept { return trie_.size(); }
    /// Those of all senders; one may be there more than once.
    [[nodiscard]] const std::vector<network>& networks() const noexcept { return networks_; }

private:
    prefix_trie trie_;
    std::vector<std::string> domains_;
    std::vector<network> networks_;
};

} // namespace fendmail::acl

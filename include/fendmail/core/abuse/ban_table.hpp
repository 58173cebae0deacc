// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/abuse/ban_rules.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/core/time.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

/// The bans that a worker knows, to be looked up at each connection.
///
/// Units: wall time.
/// Memory: some 150 octets for each ban; as many as the ban_ledger allows.
/// Errors: std::bad_alloc from put(); the table is what it was then.
/// Threads: one owner.
namespace fendmail::abuse {

struct ban {
    instant until{};
    std::uint32_t count = 0;    ///< which one of this client it is
    bool is_of_network = false; ///< clients with a pass are spared
    std::string why;
    bool is_by_admin = false;
};

class ban_table {
public:
    void put(const network& who, ban what);
    void remove(const network& who) noexcept;

    struct found {
        network who{};
        const ban* what = nullptr;
    };
    /// The ban of the client itself, else that of the narrowest network around it; its text is
    /// valid until the next change.
    [[nodiscard]] std::optional<found> find(const ip_address& client, instant now) const noexcept;
    [[nodiscard]] std::size_t size() const noexcept { return bans_.size(); }

private:
    struct network_hash {
        std::size_t operator()(const network& of) const noexcept
        {
            return std::hash<ip_address>{}(of.address) ^ of.prefix_length;
        }
    };
    static constexpr std::size_t lengths = 129;
    [[nodiscard]] std::array<std::uint32_t, lengths>& used(const ip_address& of) noexcept
    {
        return of.is_v4() ? used_v4_ : used_v6_;
    }

    std::unordered_map<network, ban, network_hash> bans_;
    /// How many bans have each prefix length: only these are looked for.
    std::array<std::uint32_t, lengths> used_v4_{};
    std::array<std::uint32_t, lengths> used_v6_{};
};

} // namespace fendmail::abuse

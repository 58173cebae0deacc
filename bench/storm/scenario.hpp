// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "storm/dialog.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

/// The kinds of load: which clients come, and from which addresses.
///
/// Memory: constants.
/// Errors: an unknown name or an address outside 127.0.0.0/8 is nothing.
/// Threads: values.
namespace fendmail::storm {

/// Clients that are counted together.
struct group {
    std::string_view name;
    storm::role role = role::visitor;
    unsigned percent = 100; ///< of the scenario's clients
    bool is_listed = false; ///< comes from the addresses that blocklists know
    std::size_t mail_octets = 0;
};

struct scenario {
    std::string_view name;
    std::string_view about;
    std::span<const group> groups;
    /// How many addresses its clients take in turn, unless the user says so.
    std::uint32_t sources = 0;
};

[[nodiscard]] std::span<const scenario> scenarios() noexcept;
[[nodiscard]] std::optional<scenario> find_scenario(std::string_view name) noexcept;

/// To which group the n-th client of a scenario belongs; the shares hold within any hundred
/// clients, and no group comes in one lump.
[[nodiscard]] std::size_t group_of(const scenario& what, std::uint64_t n) noexcept;

/// Gives out addresses in turn. Units: IPv4 addresses in host order.
class source_pool {
public:
    /// Each address is `stride` behind the one before.
    /// Nothing when an address would be outside 127.0.0.1 to 127.255.255.254.
    [[nodiscard]] static std::optional<source_pool> make(std::uint32_t first, std::uint32_t count,
                                                         std::uint32_t stride = 1) noexcept;
    [[nodiscard]] std::uint32_t next() noexcept;

private:
    source_pool(std::uint32_t first, std::uint32_t count, std::uint32_t stride) noexcept
        : first_{first}
        , count_{count}
        , stride_{stride}
    {
    }

    std::uint32_t first_;
    std::uint32_t count_;
    std::uint32_t stride_;
    std::uint32_t given_ = 0;
};

} // namespace fendmail::storm

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/acl/client_origin.hpp"
#include "fendmail/core/feed/content.hpp"
#include "fendmail/core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

/// Sections [feed] and [networks]: networks from files that something renews, and what countries
/// and autonomous systems add to the score.
///
/// Units: weights as those of lists; changes in percent.
namespace fendmail::app {

enum class feed_use : std::uint8_t {
    score,
    permit,
    reject,
    origin, ///< it says where clients are from, and nothing about them
};

struct feed_source {
    std::string name;
    std::filesystem::path file;
    feed::format format = feed::format::automatic;
    feed_use use = feed_use::score;
    int weight = 0; ///< of feed_use::score
    seconds max_age{0};
    std::size_t min_entries = 1;
    std::optional<unsigned> max_change{}; ///< percent; none = any

    /// Whether its entries are held against clients.
    [[nodiscard]] bool is_against() const noexcept
    {
        return use == feed_use::reject || (use == feed_use::score && weight > 0);
    }
    /// "score:3"
    [[nodiscard]] std::string use_text() const;
    friend bool operator==(const feed_source&, const feed_source&) = default;
};

struct origin_weight {
    acl::origin_pattern what{};
    int weight = 0;
    friend bool operator==(const origin_weight&, const origin_weight&) = default;
};

struct feed_options {
    std::vector<feed_source> sources; ///< in the order of the configuration
    std::vector<origin_weight> weights;

    [[nodiscard]] bool empty() const noexcept { return sources.empty(); }
    /// Null when there is none.
    [[nodiscard]] const feed_source* find(std::string_view name) const noexcept;
};

} // namespace fendmail::app

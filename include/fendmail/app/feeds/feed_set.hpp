// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/sections/feeds.hpp"
#include "fendmail/core/acl/access_list.hpp"
#include "fendmail/core/acl/client_origin.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/core/dnsbl/extra_score.hpp"
#include "fendmail/core/feed/range_set.hpp"
#include "fendmail/io/feed/origin_database.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The feeds that are in force, and what they say of a client.
///
/// Memory: what the feeds have, held by whatever was loaded.
/// Errors: none.
/// Threads: immutable once built but for the counts; shared by all workers.
namespace fendmail::app {

/// What a file held.
struct feed_data {
    feed::range_set networks;
    std::vector<std::uint32_t> asns; ///< sorted
    std::shared_ptr<const io::origin_database> origins;
};

/// Kept from one file of a feed to the next.
struct feed_tally {
    std::atomic<std::uint64_t> hits{0};
};

struct feed_hit {
    feed_use use = feed_use::score;
    int weight = 0;
    std::string_view name;       ///< "feed.drop", "country:XX"; valid as long as the set
    std::string_view rule;       ///< "feed drop", for the log
    feed_tally* tally = nullptr; ///< null of a country or AS
};
using feed_hits = std::vector<feed_hit>;

class feed_set {
public:
    struct member {
        member(const feed_source& source, std::shared_ptr<const feed_data> what,
               std::shared_ptr<feed_tally> counts);

        feed_use use;
        int weight;
        std::string name;
        std::string rule;
        std::shared_ptr<const feed_data> data;
        std::shared_ptr<feed_tally> tally;
    };

    feed_set(std::vector<member> members, const std::vector<origin_weight>& weights);

    /// What the databases say of an address.
    [[nodiscard]] acl::client_origin origin_of(const ip_address& client) const noexcept;
    /// All that says something of the client, in the order of the configuration.
    [[nodiscard]] feed_hits find(const ip_address& client, const acl::client_origin& origin) const;
    /// Whether one that permits has an address of this network.
    [[nodiscard]] bool permits_any_of(const network& net) const noexcept;

private:
    struct weighted_origin {
        acl::origin_pattern what;
        int weight;
        std::string name;
    };

    std::vector<member> members_;
    std::vector<weighted_origin> weights_;
};

/// The feed that decides as an access rule would: one that permits comes first.
[[nodiscard]] std::optional<acl::match> rule_of(std::span<const feed_hit> hits) noexcept;
/// What they add to the score; its name is valid as long as the set.
[[nodiscard]] dnsbl::extra_score score_of(std::span<const feed_hit> hits) noexcept;
/// "feed.drop*3,country:XX*1"; "" when nothing is added.
[[nodiscard]] std::string listings_of(std::span<const feed_hit> hits);
/// Notes that they were found.
void count(std::span<const feed_hit> hits) noexcept;

} // namespace fendmail::app

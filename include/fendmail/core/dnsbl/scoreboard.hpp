// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/dns/answer.hpp"
#include "fendmail/core/dnsbl/answer_rules.hpp"
#include "fendmail/core/dnsbl/site.hpp"
#include "fendmail/core/time.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Adds up what the zones say about one client.
///
/// Source: answer_rules.hpp (what a listing is), RFC 2308 §5 (TTL of a negative answer); scoring as
/// postscreen does it: each (filter, weight) of a zone that matches at least one listing adds its
/// weight once. A zone that answers with non-listings only (error codes, addresses outside
/// 127.0.0.0/8) told nothing and counts as failed; beside a listing they are ignored. The order of
/// answers never matters.
/// Units: TTLs in seconds.
/// Memory: a word per zone, and four for each site that matched; the site set must outlive the
/// board. Errors: none; a failed lookup is an answer like others: it scores 0 and makes the board
/// `incomplete`, so that a pass is short.
/// Threads: one owner.
namespace fendmail::dnsbl {

/// The answer of one zone about one client.
struct zone_answer {
    dns::outcome what = dns::outcome::failed;
    std::span<const ip_address> addresses{}; ///< what the zone answered
    std::optional<seconds> ttl{}; ///< smallest of the A records, or from the SOA; none = unknown
};

/// @return a view of `answer`, which must outlive it
[[nodiscard]] inline zone_answer to_zone_answer(const dns::answer& answer) noexcept
{
    return {answer.what, answer.addresses, answer.ttl};
}

struct score {
    int value = 0;
    bool complete = false; ///< every zone answered, none failed and none told nothing
    /// How long the answers that led here hold, unclamped; none = unknown, use the minimum.
    /// With a positive score the smallest TTL of the answers against the client, otherwise of
    /// those for him; none unless `complete`.
    std::optional<seconds> ttl{};
    /// Of the zone with the greatest single weight, the first in the configuration among equals;
    /// "" for none.
    std::string_view reply_name{};
    /// No list was asked: the client's network has had too many lookups. Unlike trouble of ours,
    /// that is no ground to let him through.
    bool withheld = false;
    /// Questions that had to be asked again, because an answer was late or lost.
    unsigned retries = 0;
    /// Some list was not asked, because no public list can know such an address.
    bool is_private = false;
};

/// What the score can still become.
struct score_bounds {
    int lowest = 0;
    int highest = 0;
    friend bool operator==(const score_bounds&, const score_bounds&) = default;
};

/// The least and the most that one zone can add.
[[nodiscard]] score_bounds span_of(const site_set::zone_entry& zone) noexcept;

/// The numbers that a score is held against.
struct score_limits {
    int threshold = 1;       ///< a score at or above it fails the client
    int allow_threshold = 0; ///< below 0: a score at or below it lets the client off
    friend bool operator==(const score_limits&, const score_limits&) = default;
};

/// What is certain although some zones have not answered.
enum class certainty : std::uint8_t {
    open,   ///< it depends on them
    fails,  ///< whatever they say, the threshold is reached
    passes, ///< whatever they say, neither limit is reached
    allows, ///< whatever they say, the allow threshold is reached
};
[[nodiscard]] certainty certainty_of(const score_bounds& bounds,
                                     const score_limits& limits) noexcept;
[[nodiscard]] std::string_view to_string(certainty c) noexcept;

/// The names in listings (scoreboard::listings()) that speak against the client, each once; views
/// of the text.
[[nodiscard]] std::vector<std::string_view> names_against(std::string_view listings);

class scoreboard {
public:
    /// @param sites must outlive this board
    explicit scoreboard(const site_set& sites);

    /// Notes what `sites.zones[zone]` said. A second answer of the same zone is ignored.
    /// @pre zone < sites.zones.size()
    void on_answer(std::size_t zone, const zone_answer& answer) noexcept;

    [[nodiscard]] bool all_answered() const noexcept { return missing_ == 0; }
    [[nodiscard]] bool has_answer(std::size_t zone) const noexcept { return answered_[zone]; }
    [[nodiscard]] int value() const noexcept { return value_; }
    /// What is known so far; zones that have not answered count as 0.
    [[nodiscard]] score current() const noexcept;
    /// What the value is made of, in the order of the configuration: "zen.example:127.0.0.2*3", the
    /// reply name, the first answer that the site matches, its weight; separated by commas. When it
    /// gets longer than `limits::listings_text_octets`, it ends with "+N": so many are left out. ""
    /// when no list added anything.
    [[nodiscard]] std::string listings() const;
    /// Both are the score once every zone has answered.
    [[nodiscard]] score_bounds bounds() const noexcept
    {
        return {value_ + missing_low_, value_ + missing_high_};
    }

private:
    /// The smallest TTL of a group of answers; unknown as soon as one of them gave none.
    struct shortest_ttl {
        seconds value{0};
        bool any_known = false;
        bool unknown = false;

        void add(std::optional<seconds> ttl) noexcept;
        [[nodiscard]] std::optional<seconds> get() const noexcept;
        [[nodiscard]] bool is_empty() const noexcept { return !any_known && !unknown; }
    };

    struct listing {
        std::size_t zone;
        int weight;
        ip_address answer;
    };

    /// Adds the weight of each site of `zone` that lists one of `addresses`.
    void weigh(std::size_t zone, std::span<const ip_address> addresses,
               std::optional<seconds> ttl) noexcept;

    void note(std::size_t zone, int weight, const ip_address& answer) noexcept;

    const site_set* sites_;
    std::vector<bool> answered_;
    std::vector<listing> listings_; ///< in the order of answers
    std::size_t missing_;
    int missing_low_ = 0;  ///< sum of the negative weights of zones that have not answered
    int missing_high_ = 0; ///< sum of the positive ones
    int value_ = 0;
    int best_weight_ = 0;       ///< 0 = no site with a positive weight matched yet
    std::size_t best_zone_ = 0; ///< the one of `best_weight_`
    bool failed_ = false;       ///< some zone failed or told nothing
    shortest_ttl pass_ttl_;     ///< of answers that speak for the client
    shortest_ttl fail_ttl_;     ///< of answers that speak against the client
};

} // namespace fendmail::dnsbl

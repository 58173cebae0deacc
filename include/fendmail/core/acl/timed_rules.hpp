// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/acl/access_list.hpp"
#include "fendmail/core/acl/prefix_trie.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/core/time.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// Permissions and denials that an admin gives for a time. They come before the access list of the
/// configuration, and among each other the longest network decides, then the permission.
///
/// Units: wall time; at most `timed_rules_max` rules, comments of at most `comment_octets`.
/// Memory: a node of a trie and some 150 octets for each rule.
/// Errors: parsing says which line it cannot read and goes on with the others: one bad line must
/// not cost the admin the rest.
/// Threads: a `timed_rule_set` is immutable once built, and shared by all workers.
namespace fendmail::acl {

inline constexpr std::size_t timed_rules_max = 4096;
inline constexpr std::size_t comment_octets = 120;

struct timed_rule {
    network net{};
    acl::decision decision = decision::permit;
    instant until{};
    std::string comment{}; ///< printable ASCII
    friend bool operator==(const timed_rule&, const timed_rule&) = default;
};

/// Printable ASCII of at most `comment_octets`; other octets become '?'.
[[nodiscard]] std::string as_comment(std::string_view text);

class timed_rule_set {
public:
    timed_rule_set() = default;
    explicit timed_rule_set(std::vector<timed_rule> rules);

    /// The rule that holds for a client at this time; its text is valid as long as the set.
    [[nodiscard]] std::optional<match> find(const ip_address& client, instant now) const noexcept;
    [[nodiscard]] bool empty() const noexcept { return rules_.empty(); }

private:
    std::vector<timed_rule> rules_;
    std::vector<std::string> texts_; ///< of each rule, for the log
    prefix_trie trie_;               ///< value = place in `rules_`
};

/// The file in which they outlive a restart.
[[nodiscard]] std::string write_timed_rules(std::span<const timed_rule> rules);

struct timed_rules_read {
    std::vector<timed_rule> rules;
    std::vector<unsigned> bad_lines; ///< counted from 1
};
[[nodiscard]] timed_rules_read parse_timed_rules(std::string_view text);

} // namespace fendmail::acl

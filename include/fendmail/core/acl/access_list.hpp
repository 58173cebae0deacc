// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/acl/client_origin.hpp"
#include "fendmail/core/acl/prefix_trie.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/core/result.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Ordered access rules: the first rule that matches a client decides.
///
/// Source: postscreen_access_list. A rule is "permit NETWORK" or "reject NETWORK"; a file brings
/// many networks for one rule, one a line, and is matched in the place of its rule. A country or an
/// AS stands for all networks that a database says are registered there.
/// Memory: the tries of the rules; a rule of one network costs the same as a small file. Of those
/// that permit the networks once more. Errors: parsing returns `bad_access_rule` or the error of
/// the network. Threads: immutable once built; shared by all workers.
namespace fendmail::acl {

enum class decision : std::uint8_t { permit, reject };
[[nodiscard]] std::string_view to_string(decision d) noexcept;

/// One rule as written, before any file is read.
struct rule_text {
    acl::decision decision = decision::permit;
    std::string file;        ///< path, or "" when the rule names a network
    fendmail::network net{}; ///< when `file` is empty and there is no origin
    std::optional<origin_pattern> origin{};
};
/// "permit 192.0.2.0/24", "reject file:/etc/fendmail/deny.cidr", "reject country:XX"; verbs without
/// regard to case.
[[nodiscard]] result<rule_text> parse_rule(std::string_view text);

/// One line of an access file.
struct file_line {
    std::optional<fendmail::network> net; ///< none: blank or comment
};
/// A network alone on its line; "#" starts a comment. Trailing text after the network other than
/// a comment is `bad_access_rule`; more than `limits::access_line_octets` is `line_too_long`.
[[nodiscard]] result<file_line> parse_file_line(std::string_view text) noexcept;

struct match {
    acl::decision decision = decision::permit;
    std::string_view rule;  ///< as written in the configuration; valid until the list changes
    std::size_t number = 0; ///< of the rule in its list, from 0
};

class access_list {
public:
    /// Adds a rule behind all others.
    /// @param text as written, for the log
    void add(acl::decision decision, std::string text, const std::vector<fendmail::network>& nets);
    void add_origin(acl::decision decision, std::string text, const origin_pattern& origin);
    /// @param origin where the client is from; one that is not known matches no rule about it
    [[nodiscard]] std::optional<match> find(const ip_address& client,
                                            const client_origin& origin = {}) const noexcept;
    [[nodiscard]] bool empty() const noexcept { return rules_.empty(); }
    [[nodiscard]] bool has_rejects() const noexcept;
    /// The networks of rules that permit, in order.
    [[nodiscard]] const std::vector<fendmail::network>& permitted() const noexcept
    {
        return permitted_;
    }

private:
    struct rule {
        acl::decision decision = decision::permit;
        std::string text;
        prefix_trie nets;
        origin_pattern origin{}; ///< matches nothing unless it is set
    };
    std::vector<rule> rules_;
    std::vector<fendmail::network> permitted_;
};

} // namespace fendmail::acl

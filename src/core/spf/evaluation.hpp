// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/network_set.hpp"
#include "fendmail/core/spf/expander.hpp"

#include <array>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

/// One walk over the records as far as they are known, in the order of a verifier. Private to the
/// expander, which walks again whenever it has learned something.
namespace fendmail::spf {

/// What DNS has said so far.
struct knowledge {
    const std::map<dns::question, dns::answer>& answers;
    const std::map<std::string, std::vector<parsed_record>>& records;
};

class evaluation {
public:
    /// @param known must outlive the evaluation
    /// @param collects whether networks and notes are wanted, which cost more than all the rest
    evaluation(const knowledge& known, bool collects)
        : known_{&known}
        , collects_{collects}
    {
    }

    /// @return complete with what can be told, also while something is missing
    [[nodiscard]] expansion run(const std::string& domain);
    /// What run() would have needed to know.
    [[nodiscard]] const std::set<dns::question>& missing() const noexcept { return missing_; }

private:
    /// What a mechanism or a record matches for sure.
    struct matched {
        network_set nets{};
        bool is_exact = true; ///< it matches nothing else
    };
    enum family : std::uint8_t { v4, v6 };

    matched walk(const std::string& domain);
    matched walk_terms(const record& terms, const std::string& domain);
    /// Adds what `found` has beyond `excluded`.
    void add(const matched& found, const network_set& excluded, matched& to);
    [[nodiscard]] const record* record_of(const std::string& domain);
    [[nodiscard]] const record* only_record(const std::string& domain);
    matched match(const directive& d, const std::string& domain);
    matched match_domain(const target& to, std::string_view term, const std::string& domain);
    matched match_hosts(const directive& d, const std::string& domain);
    [[nodiscard]] std::vector<std::string> mail_hosts(const std::string& host, matched& out);
    void add_addresses(const directive& d, family f, const std::string& host, matched& out);

    /// The answer, or null while there is none and when it failed.
    [[nodiscard]] const dns::answer* look_up(dns::record_type type, const std::string& name);
    [[nodiscard]] bool may_add(const directive& d, const network& net, const std::string& domain);
    [[nodiscard]] bool count_lookup(const std::string& domain);
    void count_void(family f);
    [[nodiscard]] bool is_closed(family f) const noexcept;
    [[nodiscard]] bool has_failed() const noexcept { return what_ != outcome::complete; }

    void fail(outcome what, std::string reason);
    void note(std::string text);
    void not_expanded(std::string_view term, const std::string& domain);

    const knowledge* known_;
    bool collects_;
    std::set<dns::question> missing_;
    std::vector<std::string> open_; ///< records that include the one being walked, from the root
    unsigned lookups_ = 0;
    std::array<unsigned, 2> voids_{}; ///< by family
    std::size_t networks_ = 0;
    outcome what_ = outcome::complete;
    std::string reason_;
    std::vector<std::string> notes_;
    std::size_t notes_left_out_ = 0;
    std::optional<seconds> ttl_;
};

} // namespace fendmail::spf

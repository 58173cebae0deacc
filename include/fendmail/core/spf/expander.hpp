// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"
#include "fendmail/core/dns/answer.hpp"
#include "fendmail/core/dns/question.hpp"
#include "fendmail/core/spf/record.hpp"
#include "fendmail/core/time.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

/// Finds all addresses that may send mail of a domain whatever the sender is: evidence in (what DNS
/// says), steps out (what to ask it next), and a list of networks at the end.
///
/// Source: RFC 7208 §4 (check_host, its limits and its errors), §5 (mechanisms), §6.1 (redirect).
/// The networks never hold an address for which a verifier would not come to "pass": the first
/// mechanism that matches decides, and where it cannot be told what one matches (exists, ptr,
/// macros), a "+" adds nothing and any other qualifier ends what the record adds. "+all" and
/// networks wider than `limits::spf_widest_v4` and `…_v6` add nothing either.
/// Units: TTLs in seconds.
/// Memory: the answers until the end; at most `limits::spf_networks` networks.
/// Errors: are results, see `outcome`.
/// Threads: one owner.
namespace fendmail::spf {

enum class outcome : std::uint8_t {
    complete,
    no_record,       ///< the domain publishes no SPF record
    permanent_error, ///< its records break a rule of RFC 7208, or would permit too much
    temporary_error, ///< DNS failed
};
[[nodiscard]] std::string_view to_string(outcome o) noexcept;

struct expansion {
    spf::outcome what = spf::outcome::temporary_error;
    std::vector<network> networks{};  ///< only if complete; disjoint, ascending
    std::vector<std::string> notes{}; ///< what was left out and why, at most limits::spf_notes
    std::string reason{};             ///< of every other outcome
    std::optional<seconds> ttl{};     ///< the smallest of all answers
};

class expander {
public:
    /// @param domain as parse_domain() gives it
    explicit expander(std::string domain);

    /// What to ask now, each question once; empty while answers are awaited, and at the end.
    [[nodiscard]] std::vector<dns::question> take_questions();
    /// One answer for each question that was taken, in any order.
    void on_answer(const dns::question& asked, dns::answer said);

    /// From here on no answer is needed any more.
    [[nodiscard]] bool is_done() const noexcept { return result_.has_value(); }
    /// @pre is_done()
    [[nodiscard]] const expansion& result() const noexcept { return *result_; }

private:
    void advance();

    std::string domain_;
    std::map<dns::question, dns::answer> answers_;
    std::map<std::string, std::vector<parsed_record>> records_; ///< of the TXT answers
    std::set<dns::question> taken_;
    std::vector<dns::question> to_ask_;
    std::optional<expansion> result_;
};

} // namespace fendmail::spf

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/report/fact.hpp"
#include "fendmail/app/report/time_zone.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/core/screen/verdict.hpp"
#include "fendmail/core/time.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What `fendmail report` tells: values that report_builder makes of a log, and their three forms.
///
/// Memory: some hundred kilobytes, whatever the log holds.
/// Errors: none.
/// Threads: values.
namespace fendmail::app {

/// From `begin` until before `end`.
struct report_period {
    instant begin;
    instant end;
    [[nodiscard]] bool holds(instant when) const noexcept { return begin <= when && when < end; }
    friend bool operator==(const report_period&, const report_period&) = default;
};

inline constexpr std::size_t verdict_count = report_verdicts.size();
using verdict_counts = std::array<std::uint64_t, verdict_count>;

/// Sessions of which something is true, by what became of them.
struct outcome_counts {
    std::uint64_t refused = 0;
    std::uint64_t refused_alone = 0; ///< nothing else of its kind spoke against the client
    std::uint64_t deferred = 0;
    std::uint64_t let_in = 0; ///< all the same: `enforce` would have turned them away
    std::uint64_t left = 0;   ///< before a verdict

    [[nodiscard]] std::uint64_t all() const noexcept { return refused + deferred + let_in + left; }
};

struct list_counts {
    outcome_counts hits;            ///< with a weight that speaks against the client
    std::uint64_t good_word = 0;    ///< with one that speaks for it
    std::uint64_t later_passed = 0; ///< clients that it turned away, and that came in later
    std::uint64_t misses = 0;       ///< clients about whom it gave no answer that counts
};

struct report_totals {
    std::uint64_t connections = 0;
    verdict_counts verdicts{};
    std::uint64_t incomplete = 0; ///< sessions in which lists were missing
    std::uint64_t octets_in = 0;
    std::uint64_t octets_out = 0;
    std::uint64_t troubles = 0; ///< that began
    std::map<std::string, outcome_counts, std::less<>> reasons;
    std::map<std::string, list_counts, std::less<>> lists;

    [[nodiscard]] std::uint64_t sessions() const noexcept;
    [[nodiscard]] std::uint64_t of(screen::verdict v) const noexcept
    {
        return verdicts[static_cast<std::size_t>(v)];
    }
    [[nodiscard]] std::uint64_t good() const noexcept;
    [[nodiscard]] std::uint64_t refused() const noexcept;
};

struct report_top {
    std::string name;
    std::uint64_t sessions = 0;
    std::uint64_t not_more_than = 0; ///< of them belong to others, if many clients came
    std::uint64_t refused = 0;
};

/// A client that came in.
struct waited_client {
    ip_address client;
    instant passed_at;
    milliseconds waited{0}; ///< from its first connection until it was let in
    unsigned tries = 1;
    screen::verdict first = screen::verdict::left; ///< of its first session
    std::string reasons;                           ///< of that one
    milliseconds late_wait{0};                     ///< of the last one: what lists took
};

struct trouble_span {
    trouble kind = trouble::backend;
    std::string name;
    std::string reason;
    instant begin;
    std::optional<instant> end; ///< none = not before the end of the period
    std::size_t clients = 0;
};

struct change_at {
    instant when;
    change kind = change::started;
    std::string text;
};

struct incident_sum {
    incident kind = incident::accept_failed;
    std::uint64_t count = 0;
    instant last;
    std::string text; ///< of the last one
};

/// What was read, and how much of it could be used.
struct log_reading {
    std::uint64_t lines = 0;
    std::uint64_t used = 0;
    std::uint64_t outside = 0; ///< of other times
    std::uint64_t other = 0;   ///< of other programs, or of no use here
    std::uint64_t timeless = 0;
    std::uint64_t damaged = 0;
    std::optional<instant> first; ///< of all that could be read
    std::optional<instant> last;
    std::vector<std::string> failures; ///< files that ended early
};

/// Of a report without a log: what the running fendmail remembers.
struct live_reading {
    std::string version;
    instant started;
    std::uint64_t decisions = 0; ///< sessions of which everything is told
    instant since;               ///< how far these reach back
    bool is_whole = true;        ///< they are all of the period; else only its verdicts are of all
    std::vector<std::string> troubles; ///< sentences: what it has now
};

struct report {
    std::string host;
    report_period when;
    bool is_compared = false; ///< the log has something of the period before
    report_totals now;
    report_totals before; ///< the period of the same length
    std::map<instant, verdict_counts> hours;
    seconds step{3600}; ///< of `hours`
    std::vector<report_top> clients;
    std::vector<report_top> networks;
    std::vector<waited_client> waited;
    std::vector<trouble_span> troubles;
    std::uint64_t troubles_left_out = 0;
    std::vector<change_at> changes;
    std::uint64_t changes_left_out = 0;
    std::vector<incident_sum> incidents;
    std::vector<std::string> differences; ///< sentences: what is not as it was before
    log_reading read;
    std::optional<live_reading> live{};
};

/// "fendmail mx.example.net: 12,345 connections, 9,876 turned away, 1 trouble"
[[nodiscard]] std::string subject_of(const report& about);
/// For a mail: at most 78 columns of ASCII.
[[nodiscard]] std::string to_text(const report& about, const time_zone& zone);
/// One page without scripts and without anything from elsewhere.
[[nodiscard]] std::string to_html(const report& about, const time_zone& zone);
/// One object (RFC 8259).
[[nodiscard]] std::string to_json(const report& about);
/// A whole mail for `sendmail -t` (RFC 5322); with `html` as an alternative, where there is one
/// (RFC 2046 §5.1.4).
/// @param to one line of printable ASCII
[[nodiscard]] std::string to_mail(const report& about, const std::string& to,
                                  const std::string& text, const std::string& html);

/// "12,345"
[[nodiscard]] std::string with_commas(std::uint64_t count);

} // namespace fendmail::app

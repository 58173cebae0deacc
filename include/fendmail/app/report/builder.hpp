// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/report/fact.hpp"
#include "fendmail/app/report/report.hpp"
#include "fendmail/app/report/space_saving.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

/// Counts the facts of a log of any length.
///
/// Memory: some ten megabytes at most: what clients can make many of is in tables that do not
/// grow beyond the limits below.
/// Errors: none. Facts may come in any order; waits and troubles are only right when they come in
/// that of time.
/// Threads: one owner.
namespace fendmail::app {

struct builder_limits {
    std::size_t counters = 10'000; ///< of clients, and of networks
    std::size_t memories = 50'000; ///< clients that have not come in yet, twice
    std::size_t names = 256;       ///< of reasons, and of lists
    std::size_t hours = 10'000;
    std::size_t entries = 200; ///< of troubles, and of changes
    std::size_t top = 10;      ///< that are told
};

class report_builder {
public:
    explicit report_builder(const report_period& when, const builder_limits& limits = {});

    /// One line of the log that parse() has looked at.
    void add(line_kind kind, const log_entry& entry);
    /// A file that could not be read to its end.
    void note_failure(std::string text);
    [[nodiscard]] report finish(std::string host) const;

private:
    /// Of a client that did not come in: what has to be known when it does.
    struct memory {
        instant first; ///< when it connected first
        unsigned tries = 0;
        screen::verdict verdict = screen::verdict::left; ///< of the first session
        std::string reasons;
        std::uint64_t lists = 0; ///< bits: places in `list_names_` of lists that turned it away
    };

    void on(instant, bool, std::monostate) noexcept {}
    void on(instant, bool, const damaged_entry&) noexcept {}
    void on(instant when, bool is_now, const connection_fact& one);
    void on(instant when, bool is_now, const list_miss_fact& miss);
    void on(instant when, bool is_now, const session_fact& session);
    void on(instant when, bool is_now, const trouble_fact& what);
    void on(instant when, bool is_now, const change_fact& what);
    void on(instant when, bool is_now, const incident_fact& what);
    void count_reasons(report_totals& to, const session_fact& session);
    [[nodiscard]] std::uint64_t count_lists(report_totals& to, const session_fact& session);
    void remember(instant connected, const session_fact& session, std::uint64_t lists);
    void recall(instant connected, bool is_now, const session_fact& session);
    void keep_waited(waited_client&& one);
    [[nodiscard]] std::uint64_t bit_of(std::string_view list);
    [[nodiscard]] report_totals& totals_of(bool is_now) noexcept { return is_now ? now_ : before_; }

    builder_limits limits_;
    report_period when_;
    report_period before_when_;
    report_totals now_;
    report_totals before_;
    std::map<instant, verdict_counts> hours_;
    space_saving<ip_address> clients_;
    space_saving<ip_address> networks_;
    /// Two generations: when the young one is full, the old one is forgotten.
    std::unordered_map<ip_address, memory> young_;
    std::unordered_map<ip_address, memory> old_;
    std::vector<std::string> list_names_;
    std::vector<waited_client> waited_; ///< the longest first
    std::vector<trouble_span> troubles_;
    std::uint64_t troubles_left_out_ = 0;
    std::vector<change_at> changes_;
    std::uint64_t changes_left_out_ = 0;
    std::array<incident_sum, incident_count> incidents_{};
    log_reading read_;
};

/// What is not as it was: counts that changed much, lists that fell silent, new words.
[[nodiscard]] std::vector<std::string> differences(const report_totals& now,
                                                   const report_totals& before);

} // namespace fendmail::app

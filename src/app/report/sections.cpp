// SPDX-License-Identifier: Apache-2.0
#include "sections.hpp"

#include "fendmail/core/units.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <string_view>

namespace fendmail::app {

using screen::verdict;

namespace {

/// Fits into six columns.
std::string number(std::uint64_t count)
{
    constexpr std::uint64_t million = 1'000'000;
    if (count < million) return fmt::format("{}", count);
    return fmt::format("{:.1f}M", static_cast<double>(count) / static_cast<double>(million));
}

/// "6.0 s", "3h 5m"
std::string span_text(milliseconds span)
{
    if (span < std::chrono::minutes{1})
        return fmt::format("{:.1f} s", static_cast<double>(span.count()) / 1000.0);
    return age_text(std::chrono::duration_cast<seconds>(span));
}

std::string growth(std::uint64_t now, std::uint64_t before)
{
    if (before == 0) return "";
    const auto change = (static_cast<double>(now) - static_cast<double>(before)) * 100.0 /
                        static_cast<double>(before);
    return fmt::format("{:+.0f} %", change);
}

report_section overview(const report& about)
{
    report_section out{.title = "Overview", .columns = {{"", 44}, {"", 12, true}}};
    if (about.is_compared) {
        out.columns[1].head = "now";
        out.columns.push_back({"before", 10, true});
        out.columns.push_back({"", 8, true});
    }
    const auto add = [&](const char* name, std::uint64_t now, std::uint64_t before) {
        std::vector<std::string> row{name, with_commas(now)};
        if (about.is_compared) {
            row.push_back(with_commas(before));
            row.push_back(growth(now, before));
        }
        out.rows.push_back(std::move(row));
    };
    const auto& now = about.now;
    const auto& before = about.before;
    const auto add_verdict = [&](const char* name, verdict v) {
        add(name, now.of(v), before.of(v));
    };
    add("sessions", now.sessions(), before.sessions());
    add("handed to the mail server", now.good(), before.good());
    add_verdict("  permitted (allowlisted)", verdict::allowlisted);
    add_verdict("  known (pass_old)", verdict::pass_old);
    add_verdict("  passed their tests (pass_new)", verdict::pass_new);
    add_verdict("  failed tests that are ignored (passed)", verdict::passed);
    add("turned away", now.refused(), before.refused());
    add_verdict("  with every recipient refused (rejected)", verdict::rejected);
    add_verdict("  at once (dropped)", verdict::dropped);
    add_verdict("told to come again (deferred)", verdict::deferred);
    add_verdict("left before a verdict (left)", verdict::left);
    if (about.live && !about.live->is_whole) return out; // the rest is not known of all of them
    add("lists were missing in", now.incomplete, before.incomplete);
    constexpr std::uint64_t kilobyte = 1000;
    add("relayed, kB", (now.octets_in + now.octets_out) / kilobyte,
        (before.octets_in + before.octets_out) / kilobyte);
    return out;
}

report_section trouble_section(const report& about, const time_zone& zone)
{
    report_section out{.title = "Trouble",
                       .if_empty = "None: lists, backend, store and log were well."};
    if (about.live) {
        out.if_empty = "None now. What was before, the log tells.";
        out.lines = about.live->troubles;
        out.is_alarming = !out.lines.empty();
        return out;
    }
    for (const auto& one : about.troubles) {
        auto text = fmt::format("{} - {}", minute_text(one.begin, zone),
                                one.end ? minute_text(*one.end, zone) : "still");
        const auto lasted = one.end.value_or(about.when.end) - one.begin;
        fmt::format_to(std::back_inserter(text), " ({}): {}{}{} {}", age_text(lasted),
                       to_string(one.kind), one.name.empty() ? "" : " ", one.name,
                       state_of(one.kind));
        if (!one.reason.empty()) text += ": " + one.reason;
        if (one.clients != 0)
            fmt::format_to(std::back_inserter(text), "; {} client{} met it",
                           with_commas(one.clients), one.clients == 1 ? "" : "s");
        out.lines.push_back(std::move(text));
    }
    if (about.troubles_left_out != 0)
        out.lines.push_back(fmt::format("and {} more", about.troubles_left_out));
    for (const auto& one : about.incidents)
        out.lines.push_back(fmt::format("{}: {}, last at {}{}{}", to_string(one.kind),
                                        with_commas(one.count), minute_text(one.last, zone),
                                        one.text.empty() ? "" : ": ", one.text));
    out.is_alarming = !out.lines.empty();
    return out;
}

report_section change_section(const report& about, const time_zone& zone)
{
    report_section out{.title = "Starts and reloads"};
    for (const auto& one : about.changes)
        out.lines.push_back(fmt::format("{}: {}{}{}", minute_text(one.when, zone),
                                        to_string(one.kind), one.text.empty() ? "" : ": ",
                                        one.text));
    if (about.changes_left_out != 0)
        out.lines.push_back(fmt::format("and {} more", about.changes_left_out));
    return out;
}

/// By days when there would be too many hours to look at.
report_section hour_section(const report& about, const time_zone& zone)
{
    constexpr std::size_t hours_max = 49;
    const bool is_by_day = about.hours.size() > hours_max;
    std::map<instant, verdict_counts> steps; // by the local clock
    for (const auto& [hour, counts] : about.hours) {
        auto step = zone.to_local(hour);
        if (is_by_day) step = std::chrono::floor<std::chrono::days>(step);
        auto& sum = steps[step];
        for (std::size_t i = 0; i < verdict_count; ++i)
            sum[i] += counts[i];
    }
    const bool is_by_hour = about.step >= std::chrono::hours{1};
    report_section out{.title = is_by_day    ? "By day"
                                : is_by_hour ? "By hour"
                                             : "By ten minutes",
                       .columns = {{is_by_day    ? "day"
                                    : is_by_hour ? "hour"
                                                 : "from",
                                    12},
                                   {"all", 7, true},
                                   {"permit", 7, true},
                                   {"known", 7, true},
                                   {"new", 7, true},
                                   {"ignore", 7, true},
                                   {"reject", 7, true},
                                   {"drop", 7, true},
                                   {"later", 7, true},
                                   {"left", 7, true}}};
    for (const auto& [step, counts] : steps) {
        report_totals sums;
        sums.verdicts = counts;
        const time_zone as_it_is{[](instant) { return seconds{0}; }};
        auto name = minute_text(step, as_it_is);
        if (is_by_day) name.erase(name.rfind(' '));
        std::vector<std::string> row{std::move(name), number(sums.sessions())};
        for (const auto count : counts)
            row.push_back(number(count));
        out.rows.push_back(std::move(row));
        out.bars.emplace_back(sums.good(), sums.sessions() - sums.good());
    }
    return out;
}

report_section reason_section(const report& about)
{
    report_section out{
        .title = "What turned clients away",
        .columns = {{"test or reason", 23},
                    {"refused", 8, true},
                    {"alone", 8, true},
                    {"later", 8, true},
                    {"let in", 8, true},
                    {"left", 8, true},
                    {about.is_compared ? "before" : "", 8, true}},
        .note = "alone: nothing else spoke against the client; later: told to come again; "
                "let in: the test failed and is set to ignore, so enforce would have "
                "turned these away"};
    using entry = std::pair<std::string_view, const outcome_counts*>;
    std::vector<entry> all;
    for (const auto& [name, counts] : about.now.reasons)
        all.emplace_back(name, &counts);
    std::ranges::stable_sort(
        all, [](const entry& a, const entry& b) { return a.second->all() > b.second->all(); });
    for (const auto& [name, counts] : all) {
        const auto before = about.before.reasons.find(name);
        out.rows.push_back(
            {std::string{name}, number(counts->refused), number(counts->refused_alone),
             number(counts->deferred), number(counts->let_in), number(counts->left),
             !about.is_compared                     ? std::string{}
             : before == about.before.reasons.end() ? "0"
                                                    : number(before->second.refused)});
    }
    return out;
}

report_section list_section(const report& about)
{
    report_section out{
        .title = "Lists",
        .columns = {{"list", 26},
                    {"hits", 7, true},
                    {"refused", 8, true},
                    {"alone", 7, true},
                    {"let in", 7, true},
                    {"passed", 7, true},
                    {about.live ? "" : "silent", 7, true},
                    {about.is_compared ? "before" : "", 7, true}},
        .note = "hits: sessions whose client it lists; alone: no other list spoke against "
                "the client; let in: all the same; passed: clients that it turned away "
                "and that came in later"};
    if (!about.live)
        out.note += "; silent: clients about whom it gave no answer that counts; before: hits";
    using entry = std::pair<std::string_view, const list_counts*>;
    std::vector<entry> all;
    for (const auto& [name, counts] : about.now.lists)
        all.emplace_back(name, &counts);
    std::ranges::stable_sort(all, [](const entry& a, const entry& b) {
        return a.second->hits.all() > b.second->hits.all();
    });
    for (const auto& [name, counts] : all) {
        const auto& hits = counts->hits;
        const auto before = about.before.lists.find(name);
        out.rows.push_back({std::string{name}, number(hits.all() + counts->good_word),
                            number(hits.refused), number(hits.refused_alone), number(hits.let_in),
                            number(counts->later_passed),
                            about.live ? std::string{} : number(counts->misses),
                            !about.is_compared ? std::string{}
                            : before == about.before.lists.end()
                                ? "0"
                                : number(before->second.hits.all() + before->second.good_word)});
    }
    return out;
}

report_section waited_section(const report& about)
{
    report_section out{
        .title = "Good clients that waited longest",
        .columns = {{"client", 39}, {"waited", 9, true}, {"tries", 6, true}, {"", 2}, {"why", 18}},
        .note = "from the first connection until the mail server had the client"};
    for (const auto& one : about.waited) {
        std::string why;
        if (one.tries > 1)
            why = fmt::format("{}{}{}", screen::to_string(one.first),
                              one.reasons.empty() ? "" : ": ", one.reasons);
        else if (one.late_wait >= seconds{1})
            why = fmt::format("lists: {}", span_text(one.late_wait));
        else
            why = "its tests";
        out.rows.push_back({to_text(one.client), span_text(one.waited),
                            fmt::format("{}", one.tries), "", std::move(why)});
    }
    return out;
}

report_section top_section(const char* title, const char* what,
                           const std::vector<report_top>& entries)
{
    report_section out{.title = title,
                       .columns = {{what, 44}, {"sessions", 14, true}, {"turned away", 14, true}}};
    for (const auto& one : entries)
        out.rows.push_back(
            {one.name,
             fmt::format("{}{}", one.not_more_than != 0 ? "about " : "", with_commas(one.sessions)),
             with_commas(one.refused)});
    return out;
}

/// Of what a report is that has no log.
report_section live_section(const report& about, const time_zone& zone)
{
    report_section out{};
    if (!about.live) return out;
    const auto& live = *about.live;
    const auto sessions =
        fmt::format("{} session{}", with_commas(live.decisions), live.decisions == 1 ? "" : "s");
    if (live.is_whole)
        out.lines.push_back(fmt::format("What the running fendmail remembers, without its log: "
                                        "{}, all since then.",
                                        sessions));
    else
        out.lines.push_back(fmt::format(
            "What the running fendmail remembers, without its log: the verdicts are of all "
            "sessions of this time; reasons, lists, clients and networks are of the last {} "
            "alone, since {}.",
            sessions, day_text(live.since, zone)));
    out.lines.push_back(
        fmt::format("fendmail {} runs since {}.", live.version, day_text(live.started, zone)));
    return out;
}

report_section reading_section(const report& about, const time_zone& zone)
{
    if (about.live) return {};
    report_section out{.title = "The log"};
    const auto& read = about.read;
    auto text = fmt::format("{} line{}, {} of use", with_commas(read.lines),
                            read.lines == 1 ? "" : "s", with_commas(read.used));
    const auto add = [&text](std::uint64_t count, const char* what) {
        if (count != 0)
            fmt::format_to(std::back_inserter(text), ", {} {}", with_commas(count), what);
    };
    add(read.outside, "of other times");
    add(read.other, "of no account here");
    add(read.timeless, "without a time");
    add(read.damaged, "damaged");
    if (read.first && read.last)
        fmt::format_to(std::back_inserter(text), "; from {} to {}", day_text(*read.first, zone),
                       day_text(*read.last, zone));
    out.lines.push_back(text + ".");
    if (read.timeless != 0)
        out.lines.emplace_back("Lines without a time cannot be counted: of the journal, "
                               "journalctl -o json or -o short-iso has it, -o cat has not.");
    for (const auto& failure : read.failures)
        out.lines.push_back(failure);
    return out;
}

report_section missing_section(const report& about, const time_zone& zone)
{
    report_section out{.title = "", .is_alarming = true};
    if (about.now.sessions() != 0) return out;
    if (about.live) {
        out.lines.emplace_back("No session has ended in this time.");
        return out;
    }
    if (about.now.connections != 0)
        out.lines.emplace_back("There are connections in the log and no ends of sessions: a "
                               "report needs log.summary = true.");
    else if (about.read.first)
        out.lines.push_back(fmt::format(
            "No client connected in this time. The log reaches from {} to {}; --since and --until "
            "choose another one.",
            day_text(*about.read.first, zone), day_text(*about.read.last, zone)));
    else
        out.lines.emplace_back("Nothing of fendmail is in this log.");
    return out;
}

} // namespace

std::string period_text(const report& about, const time_zone& zone)
{
    // Of a log that is read as a whole.
    const auto begin = about.when.begin.time_since_epoch() <= seconds{0}
                           ? about.read.first.value_or(about.when.begin)
                           : about.when.begin;
    return fmt::format("{} to {}", day_text(begin, zone), day_text(about.when.end, zone));
}

std::vector<report_section> sections_of(const report& about, const time_zone& zone)
{
    std::vector<report_section> all;
    all.push_back(live_section(about, zone));
    all.push_back(missing_section(about, zone));
    all.push_back(overview(about));
    all.push_back(trouble_section(about, zone));
    report_section different{.title = "Not as before", .lines = about.differences};
    all.push_back(std::move(different));
    all.push_back(change_section(about, zone));
    all.push_back(hour_section(about, zone));
    all.push_back(reason_section(about));
    all.push_back(list_section(about));
    all.push_back(waited_section(about));
    all.push_back(top_section("Clients that came most often", "client", about.clients));
    all.push_back(top_section("Networks that came most often", "network", about.networks));
    all.push_back(reading_section(about, zone));
    std::erase_if(all, [](const report_section& one) {
        return one.rows.empty() && one.lines.empty() && one.if_empty.empty();
    });
    return all;
}

} // namespace fendmail::app

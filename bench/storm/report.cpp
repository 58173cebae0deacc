// SPDX-License-Identifier: Apache-2.0
#include "storm/report.hpp"

#include <fmt/format.h>
#include <iterator>
#include <string_view>

namespace fendmail::storm {

namespace {

std::uint64_t finished_in_all(const load_result& result)
{
    std::uint64_t sum = 0;
    for (const auto& each : result.groups)
        sum += each.finished;
    return sum;
}

double rate_of(const load_result& result)
{
    return result.seconds > 0 ? static_cast<double>(finished_in_all(result)) / result.seconds : 0;
}

std::string json_of(const histogram& counted)
{
    return fmt::format(R"({{"count":{},"min":{},"mean":{:.1f},"p50":{},"p90":{},"p99":{},)"
                       R"("p999":{},"max":{}}})",
                       counted.count(), counted.smallest(), counted.mean(), counted.percentile(50),
                       counted.percentile(90), counted.percentile(99), counted.percentile(99.9),
                       counted.largest());
}

std::string json_of(const group_result& group)
{
    std::string failures;
    for (std::size_t i = 1; i < failure_count; ++i)
        fmt::format_to(std::back_inserter(failures), "{}\"{}\":{}", i == 1 ? "" : ",",
                       to_string(static_cast<failure>(i)), group.failures[i]);
    return fmt::format(
        R"("{}":{{"started":{},"finished":{},"refused":{},"let_through":{},"deferred":{},)"
        R"("unexpected":{},"failures":{{{}}},"connect_us":{},"heard_us":{},"held_us":{},)"
        R"("greeting_us":{},"verdict_us":{},"total_us":{}}})",
        group.name, group.started, group.finished, group.refused, group.let_through, group.deferred,
        group.unexpected, failures, json_of(group.connect), json_of(group.heard),
        json_of(group.held), json_of(group.greeting), json_of(group.verdict), json_of(group.total));
}

std::string_view loop_of(const options& asked)
{
    if (asked.at_once) return "at once";
    return asked.rate > 0 ? "open" : "closed";
}

std::string text_of(const group_result& group)
{
    std::string text =
        fmt::format("{:10} {} finished: {} let through, {} refused, {} deferred", group.name,
                    group.finished, group.let_through, group.refused, group.deferred);
    if (group.unexpected != 0) text += fmt::format(", {} unexpected", group.unexpected);
    for (std::size_t i = 1; i < failure_count; ++i)
        if (group.failures[i] != 0)
            text += fmt::format(", {} {}", group.failures[i], to_string(static_cast<failure>(i)));
    const auto milliseconds = [&](double percent) {
        return static_cast<double>(group.verdict.percentile(percent)) / 1000;
    };
    return text + fmt::format("\n{:10} verdict after p50 {:.2f} ms, p99 {:.2f} ms, at most {:.2f} "
                              "ms\n",
                              "", milliseconds(50), milliseconds(99), milliseconds(100));
}

} // namespace

std::string to_text(const options& asked, const load_result& result)
{
    std::string text;
    for (const auto& each : result.groups)
        text += text_of(each);
    text += fmt::format("{:10} {} in {:.2f} s: {:.0f}/s, at most {} at once", asked.scenario.name,
                        finished_in_all(result), result.seconds, rate_of(result), result.peak);
    if (result.missed != 0) text += fmt::format(", {} not started for lack of room", result.missed);
    return text + (result.was_stopped ? ", stopped by a signal\n" : "\n");
}

std::string to_json(const options& asked, const load_result& result)
{
    std::string groups;
    for (const auto& each : result.groups)
        groups += (groups.empty() ? "" : ",") + json_of(each);
    return fmt::format(
        R"({{"scenario":"{}","loop":"{}","since":"{}","wanted_rate":{},"concurrency":{},)"
        R"("seconds":{:.6f},"finished":{},"rate":{:.1f},"missed":{},"peak":{},)"
        R"("was_stopped":{},"groups":{{{}}}}})"
        "\n",
        asked.scenario.name, loop_of(asked), asked.at_once ? "established" : "due", asked.rate,
        asked.concurrency, result.seconds, finished_in_all(result), rate_of(result), result.missed,
        result.peak, result.was_stopped, groups);
}

} // namespace fendmail::storm

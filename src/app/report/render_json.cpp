// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/report/report.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <utility>

namespace fendmail::app {

namespace json = boost::json;

namespace {

double in_seconds(milliseconds span)
{
    return static_cast<double>(span.count()) / 1000.0;
}

json::value time_or_null(const std::optional<instant>& when)
{
    if (!when) return nullptr;
    return json::value{utc_text(*when)};
}

json::object verdicts_of(const verdict_counts& counts)
{
    json::object out;
    for (const auto v : report_verdicts)
        out[screen::to_string(v)] = counts[static_cast<std::size_t>(v)];
    return out;
}

json::object outcomes_of(const outcome_counts& counts)
{
    return {{"refused", counts.refused},
            {"refused_alone", counts.refused_alone},
            {"deferred", counts.deferred},
            {"let_in", counts.let_in},
            {"left", counts.left}};
}

json::object totals_of(const report_totals& from)
{
    json::object reasons;
    for (const auto& [name, counts] : from.reasons)
        reasons[name] = outcomes_of(counts);
    json::object lists;
    for (const auto& [name, counts] : from.lists) {
        auto one = outcomes_of(counts.hits);
        one["hits"] = counts.hits.all();
        one["good_word"] = counts.good_word;
        one["later_passed"] = counts.later_passed;
        one["no_answer"] = counts.misses;
        lists[name] = std::move(one);
    }
    return {{"sessions", from.sessions()},         {"verdicts", verdicts_of(from.verdicts)},
            {"dnsbl_incomplete", from.incomplete}, {"octets_in", from.octets_in},
            {"octets_out", from.octets_out},       {"troubles", from.troubles},
            {"reasons", std::move(reasons)},       {"lists", std::move(lists)}};
}

json::array tops_of(const std::vector<report_top>& from)
{
    json::array out;
    for (const auto& one : from)
        out.push_back(json::object{{"name", one.name},
                                   {"sessions", one.sessions},
                                   {"sessions_error", one.not_more_than},
                                   {"turned_away", one.refused}});
    return out;
}

json::array waited_of(const std::vector<waited_client>& from)
{
    json::array out;
    for (const auto& one : from)
        out.push_back(json::object{{"client", to_text(one.client)},
                                   {"passed", utc_text(one.passed_at)},
                                   {"waited_seconds", in_seconds(one.waited)},
                                   {"tries", one.tries},
                                   {"first_verdict", screen::to_string(one.first)},
                                   {"first_reasons", one.reasons},
                                   {"late_wait_seconds", in_seconds(one.late_wait)}});
    return out;
}

json::array troubles_of(const report& about)
{
    json::array out;
    for (const auto& one : about.troubles)
        out.push_back(json::object{{"what", to_string(one.kind)},
                                   {"state", state_of(one.kind)},
                                   {"name", one.name},
                                   {"reason", one.reason},
                                   {"begin", utc_text(one.begin)},
                                   {"end", time_or_null(one.end)},
                                   {"clients", one.clients}});
    return out;
}

json::object reading_of(const log_reading& from)
{
    json::array failures;
    for (const auto& one : from.failures)
        failures.emplace_back(one);
    return {{"lines", from.lines},
            {"used", from.used},
            {"outside", from.outside},
            {"other", from.other},
            {"timeless", from.timeless},
            {"damaged", from.damaged},
            {"first", time_or_null(from.first)},
            {"last", time_or_null(from.last)},
            {"failures", std::move(failures)}};
}

json::value live_of(const std::optional<live_reading>& from)
{
    if (!from) return nullptr;
    json::array troubles;
    for (const auto& one : from->troubles)
        troubles.emplace_back(one);
    return json::object{{"version", from->version},     {"started", utc_text(from->started)},
                        {"decisions", from->decisions}, {"decisions_since", utc_text(from->since)},
                        {"whole", from->is_whole},      {"troubles", std::move(troubles)}};
}

} // namespace

std::string to_json(const report& about)
{
    json::array hours;
    for (const auto& [hour, counts] : about.hours) {
        auto one = verdicts_of(counts);
        one["hour"] = utc_text(hour);
        hours.push_back(std::move(one));
    }
    json::array changes;
    for (const auto& one : about.changes)
        changes.push_back(json::object{
            {"time", utc_text(one.when)}, {"what", to_string(one.kind)}, {"text", one.text}});
    json::array incidents;
    for (const auto& one : about.incidents)
        incidents.push_back(json::object{{"what", to_string(one.kind)},
                                         {"count", one.count},
                                         {"last", utc_text(one.last)},
                                         {"text", one.text}});
    json::array differences;
    for (const auto& one : about.differences)
        differences.emplace_back(one);
    json::object out{{"host", about.host},
                     {"begin", utc_text(about.when.begin)},
                     {"end", utc_text(about.when.end)},
                     {"now", totals_of(about.now)}};
    out["before"] = about.is_compared ? json::value(totals_of(about.before)) : json::value(nullptr);
    out["differences"] = std::move(differences);
    out["hours"] = std::move(hours);
    out["hours_step_seconds"] = about.step.count();
    out["top_clients"] = tops_of(about.clients);
    out["top_networks"] = tops_of(about.networks);
    out["waited"] = waited_of(about.waited);
    out["troubles"] = troubles_of(about);
    out["incidents"] = std::move(incidents);
    out["changes"] = std::move(changes);
    out["log"] = reading_of(about.read);
    out["live"] = live_of(about.live);
    return json::serialize(out);
}

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/explain/explanation.hpp"
#include "fendmail/core/text/time_text.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <iterator>

namespace fendmail::app {

namespace json = boost::json;

namespace {

std::string until_text(const pass_state& one)
{
    if (!one.until) return "never passed";
    return fmt::format("{} until {}",
                       one.is_passed ? "passed" : "passed, ended:", time_text(*one.until));
}

void add_record(std::string& out, const explanation& about)
{
    const auto to = std::back_inserter(out);
    if (!about.store.empty()) {
        fmt::format_to(to, "  record       not known: {}\n", about.store);
        return;
    }
    if (!about.record || about.record->is_new()) {
        out += "  record       none: it is new here\n";
        return;
    }
    std::string_view title = "record";
    for (const auto& one : about.passes) {
        if (!one.is_enabled) continue;
        fmt::format_to(to, "  {:<12} {:<17} {}\n", title, one.test, until_text(one));
        title = "";
    }
}

void add_feeds(std::string& out, const explanation& about)
{
    const auto to = std::back_inserter(out);
    if (about.origin.has_country())
        fmt::format_to(to, "  country      {}\n", about.origin.country_text());
    if (about.origin.asn != 0) fmt::format_to(to, "  AS           {}\n", about.origin.asn);
    std::string_view title = "feeds";
    for (const auto& one : about.feeds) {
        fmt::format_to(to, "  {:<12} {:<28} {:>5}  {}\n", title, one.name,
                       one.weight == 0 ? std::string{"-"} : fmt::format("{:+}", one.weight),
                       one.use);
        title = "";
    }
}

void add_lists(std::string& out, const explanation& about)
{
    const auto to = std::back_inserter(out);
    if (about.lists.empty()) {
        out += "  lists        none is configured\n";
        if (!about.feeds.empty()) fmt::format_to(to, "  score        {}\n", about.score.value);
        return;
    }
    std::string_view title = "lists";
    for (const auto& one : about.lists) {
        fmt::format_to(to, "  {:<12} {:<28} {:>5}  {:>6} ms  {}{}{}\n", title, one.list,
                       one.weight == 0 ? std::string{"-"} : fmt::format("{:+}", one.weight),
                       one.took.count(), one.meaning, one.answers.empty() ? "" : ": ",
                       fmt::join(one.answers, ", "));
        title = "";
    }
    if (about.name_weight != 0)
        fmt::format_to(to, "  {:<12} {:<28} {:>+5}\n", title, to_string(about.name.signal),
                       about.name_weight);
    fmt::format_to(to, "  score        {}{}\n", about.score.value,
                   about.score.complete ? "" : " (not all lists have answered)");
}

json::array strings(const std::vector<std::string>& all)
{
    json::array out;
    for (const auto& one : all)
        out.emplace_back(one);
    return out;
}

} // namespace

std::string to_table(const explanation& about)
{
    auto out = fmt::format("{} {}\n\n", to_text(about.client), about.words);
    const auto to = std::back_inserter(out);
    fmt::format_to(to, "  verdict      {}\n", about.verdict);
    if (about.rule.empty())
        out += "  access rule  none matches\n";
    else
        fmt::format_to(to, "  access rule  {}{}\n", about.rule,
                       about.rule_place.empty() ? std::string{}
                                                : fmt::format("  ({})", about.rule_place));
    fmt::format_to(to, "  known sender {}\n", about.sender.empty() ? "no" : about.sender);
    if (about.recipient) fmt::format_to(to, "  takes mail   as {}\n", *about.recipient);
    add_record(out, about);
    add_feeds(out, about);
    add_lists(out, about);
    return out;
}

std::string to_json(const explanation& about)
{
    json::object out;
    out["client"] = to_text(about.client);
    out["verdict"] = about.verdict;
    out["explanation"] = about.words;
    if (about.rule.empty())
        out["access_rule"] = nullptr;
    else
        out["access_rule"] = {{"rule", about.rule},
                              {"place", about.rule_place},
                              {"decision", about.is_permitted ? "permit" : "reject"}};
    if (about.sender.empty())
        out["known_sender"] = nullptr;
    else
        out["known_sender"] = about.sender;
    if (about.recipient)
        out["known_recipient"] = *about.recipient;
    else
        out["known_recipient"] = nullptr;
    out["country"] = nullptr;
    if (about.origin.has_country()) out["country"] = about.origin.country_text();
    out["asn"] = nullptr;
    if (about.origin.asn != 0) out["asn"] = about.origin.asn;
    json::array feeds;
    for (const auto& one : about.feeds)
        feeds.push_back(json::object{{"feed", one.name}, {"use", one.use}, {"weight", one.weight}});
    out["feeds"] = std::move(feeds);
    out["store_error"] = about.store;
    json::array passes;
    for (const auto& one : about.passes) {
        json::object pass{{"test", one.test},
                          {"enabled", one.is_enabled},
                          {"passed", one.is_passed},
                          {"until", nullptr}};
        if (one.until) pass["until"] = time_text(*one.until);
        passes.push_back(std::move(pass));
    }
    out["passes"] = std::move(passes);
    json::array lists;
    for (const auto& one : about.lists)
        lists.push_back(json::object{{"list", one.list},
                                     {"meaning", one.meaning},
                                     {"answers", strings(one.answers)},
                                     {"weight", one.weight},
                                     {"seconds", static_cast<double>(one.took.count()) / 1000.0}});
    out["lists"] = std::move(lists);
    out["name_signal"] = to_string(about.name.signal);
    out["name_weight"] = about.name_weight;
    out["score"] = about.score.value;
    out["score_complete"] = about.score.complete;
    return json::serialize(out);
}

} // namespace fendmail::app

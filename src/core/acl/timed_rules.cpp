// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/acl/timed_rules.hpp"

#include "fendmail/core/text/time_text.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <utility>

namespace fendmail::acl {

namespace {

constexpr std::string_view head =
    "# Permissions and denials for a time, given by `fendmail permit` and `fendmail deny`.\n"
    "# Written by fendmail at every change; what is changed here while it runs is lost then.\n";

std::string text_of(const timed_rule& rule)
{
    return fmt::format("{} {} until {}{}{}", to_string(rule.decision), to_text(rule.net),
                       time_text(rule.until), rule.comment.empty() ? "" : ": ", rule.comment);
}

/// Takes the next word off the front.
std::string_view take_word(std::string_view& text)
{
    const auto end = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return word;
}

std::optional<decision> parse_decision(std::string_view word)
{
    for (const auto each : {decision::permit, decision::reject})
        if (word == to_string(each)) return each;
    return std::nullopt;
}

std::optional<timed_rule> parse_line(std::string_view line)
{
    const auto verb = parse_decision(take_word(line));
    const auto net = parse_network(take_word(line));
    const auto until = parse_time_text(take_word(line));
    if (!verb || !net || !until) return std::nullopt;
    return timed_rule{*net, *verb, *until, as_comment(line)};
}

} // namespace

std::string as_comment(std::string_view text)
{
    std::string out{text.substr(0, comment_octets)};
    for (char& c : out)
        if (c < ' ' || c > '~') c = '?';
    return out;
}

timed_rule_set::timed_rule_set(std::vector<timed_rule> rules)
    : rules_{std::move(rules)}
{
    // The first of a network keeps its place in the trie.
    std::ranges::stable_sort(rules_, {}, &timed_rule::decision);
    for (std::size_t i = 0; i < rules_.size(); ++i) {
        texts_.push_back(text_of(rules_[i]));
        trie_.insert(rules_[i].net, static_cast<std::uint32_t>(i));
    }
}

std::optional<match> timed_rule_set::find(const ip_address& client, instant now) const noexcept
{
    const auto found = trie_.find(client);
    if (!found || rules_[*found].until <= now) return std::nullopt;
    return match{rules_[*found].decision, texts_[*found]};
}

std::string write_timed_rules(std::span<const timed_rule> rules)
{
    std::string out{head};
    for (const auto& each : rules)
        fmt::format_to(std::back_inserter(out), "{} {} {}{}{}\n", to_string(each.decision),
                       to_text(each.net), time_text(each.until), each.comment.empty() ? "" : " ",
                       each.comment);
    return out;
}

timed_rules_read parse_timed_rules(std::string_view text)
{
    timed_rules_read all;
    for (unsigned number = 1; !text.empty(); ++number) {
        const auto end = std::min(text.find('\n'), text.size());
        const auto line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty() || line.starts_with('#')) continue;
        auto rule = parse_line(line);
        if (rule && all.rules.size() < timed_rules_max)
            all.rules.push_back(*std::move(rule));
        else
            all.bad_lines.push_back(number);
    }
    return all;
}

} // namespace fendmail::acl

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/acl/access_list.hpp"

#include "fendmail/core/limits.hpp"
#include "fendmail/core/text/ascii.hpp"

#include <algorithm>
#include <utility>

namespace fendmail::acl {

namespace {

// CR as well, so that a file written on Windows works.
constexpr std::string_view blanks = " \t\r";

std::string_view trim(std::string_view text) noexcept
{
    const std::size_t begin = text.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

/// @param lower in lower case
bool is_verb(std::string_view text, std::string_view lower) noexcept
{
    return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                      [](char a, char b) { return to_lower(a) == b; });
}

} // namespace

std::string_view to_string(decision d) noexcept
{
    switch (d) {
    case decision::permit: return "permit";
    case decision::reject: return "reject";
    }
    return "unknown decision";
}

result<rule_text> parse_rule(std::string_view text)
{
    text = trim(text);
    const std::size_t gap = text.find_first_of(blanks);
    if (gap == std::string_view::npos) return error::bad_access_rule;
    const auto verb = text.substr(0, gap);
    const auto object = trim(text.substr(gap));

    rule_text rule;
    if (is_verb(verb, "permit"))
        rule.decision = decision::permit;
    else if (is_verb(verb, "reject"))
        rule.decision = decision::reject;
    else
        return error::bad_access_rule;

    constexpr std::string_view file_prefix = "file:";
    if (object.starts_with(file_prefix)) {
        rule.file = object.substr(file_prefix.size());
        if (rule.file.empty()) return error::bad_access_rule;
        return rule;
    }
    if (object.find_first_of(blanks) != std::string_view::npos) return error::bad_access_rule;
    if (is_origin_text(object)) {
        const auto origin = parse_origin(object);
        if (!origin) return origin.error();
        rule.origin = *origin;
        return rule;
    }
    const auto net = parse_network(object);
    if (!net) return net.error();
    rule.net = *net;
    return rule;
}

result<file_line> parse_file_line(std::string_view text) noexcept
{
    if (text.size() > limits::access_line_octets) return error::line_too_long;
    const auto entry = trim(text.substr(0, text.find('#')));
    if (entry.empty()) return file_line{};
    // A Postfix cidr table has "NETWORK ACTION" lines. Its actions are not taken silently: the
    // decision stands in the rule that names the file.
    if (entry.find_first_of(blanks) != std::string_view::npos) return error::bad_access_rule;
    const auto net = parse_network(entry);
    if (!net) return net.error();
    return file_line{*net};
}

void access_list::add(acl::decision decision, std::string text,
                      const std::vector<fendmail::network>& nets)
{
    rule& added = rules_.emplace_back();
    added.decision = decision;
    added.text = std::move(text);
    for (const auto& net : nets)
        added.nets.insert(net, 0);
    if (decision == acl::decision::permit)
        permitted_.insert(permitted_.end(), nets.begin(), nets.end());
}

void access_list::add_origin(acl::decision decision, std::string text, const origin_pattern& origin)
{
    rule& added = rules_.emplace_back();
    added.decision = decision;
    added.text = std::move(text);
    added.origin = origin;
}

bool access_list::has_rejects() const noexcept
{
    return std::ranges::any_of(
        rules_, [](const rule& each) { return each.decision == acl::decision::reject; });
}

std::optional<match> access_list::find(const ip_address& client,
                                       const client_origin& origin) const noexcept
{
    for (std::size_t i = 0; i < rules_.size(); ++i)
        if (rules_[i].nets.find(client) || rules_[i].origin.matches(origin))
            return match{rules_[i].decision, rules_[i].text, i};
    return std::nullopt;
}

} // namespace fendmail::acl

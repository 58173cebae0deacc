// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/explain/lookups.hpp"

#include "fendmail/core/acl/access_list.hpp"
#include "fendmail/core/acl/sender_set.hpp"
#include "fendmail/core/acl/timed_rules.hpp"
#include "fendmail/core/mta/recipient_table.hpp"
#include "fendmail/core/spf/sender_file.hpp"
#include "fendmail/io/os/whole_file.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <string_view>

namespace fendmail::app {

namespace {

/// Calls `look(line)` until it says true.
/// @return that number; 0 = it never did, or the file cannot be read
template <class Look>
unsigned line_where(const std::filesystem::path& file, Look look)
{
    const auto read = io::read_whole_file(file);
    if (!read.text) return 0;
    std::string_view left = *read.text;
    for (unsigned number = 1; !left.empty(); ++number) {
        const auto end = std::min(left.find('\n'), left.size());
        if (look(left.substr(0, end))) return number;
        left.remove_prefix(std::min(end + 1, left.size()));
    }
    return 0;
}

std::string place_of(const rule_source& rule, const ip_address& client)
{
    if (rule.file.empty()) return rule.place;
    const auto line = line_where(rule.file, [&](std::string_view text) {
        const auto found = acl::parse_file_line(text);
        return found && found->net && found->net->contains(client);
    });
    return line == 0 ? rule.place : fmt::format("{}:{}", rule.file.string(), line);
}

std::string_view word_of(feed_use use) noexcept
{
    switch (use) {
    case feed_use::score: return "score";
    case feed_use::permit: return "permit";
    case feed_use::reject: return "reject";
    case feed_use::origin: return "origin";
    }
    return "unknown";
}

} // namespace

void find_timed_rule(explanation& about, const std::filesystem::path& file, instant now)
{
    const auto read = io::read_whole_file(file);
    if (!read.text) return;
    const acl::timed_rule_set rules{acl::parse_timed_rules(*read.text).rules};
    const auto found = rules.find(about.client, now);
    if (!found) return;
    about.rule = found->rule;
    about.is_permitted = found->decision == acl::decision::permit;
    about.rule_place = file.string();
}

void find_rule(explanation& about, const runtime_config& config)
{
    const auto found = config.access.find(about.client, about.origin);
    if (!found || !about.rule.empty()) return;
    about.rule = found->rule;
    about.is_permitted = found->decision == acl::decision::permit;
    if (found->number < config.access_sources.size())
        about.rule_place = place_of(config.access_sources[found->number], about.client);
}

void find_feeds(explanation& about, const feed_set* feeds)
{
    if (feeds == nullptr) return;
    about.origin = feeds->origin_of(about.client);
    const auto hits = feeds->find(about.client, about.origin);
    for (const feed_hit& each : hits)
        about.feeds.push_back(
            {std::string{each.name}, std::string{word_of(each.use)}, each.weight});
    about.feed_name = score_of(hits).reply_name;
}

void find_feed_rule(explanation& about, const feed_set* feeds)
{
    if (feeds == nullptr || !about.rule.empty()) return;
    const auto hits = feeds->find(about.client, about.origin);
    const auto found = rule_of(hits);
    if (!found) return;
    about.rule = found->rule;
    about.is_permitted = found->decision == acl::decision::permit;
}

void find_sender(explanation& about, const runtime_config& config,
                 const std::filesystem::path& sender_file)
{
    const auto& domains = config.known_senders.domains;
    const auto read = io::read_whole_file(sender_file);
    if (domains.empty() || !read.text) return;
    acl::sender_set all;
    for (const auto& one : spf::parse_sender_file(*read.text).senders)
        if (std::ranges::find(domains, one.domain) != domains.end())
            all.add(one.domain, one.networks);
    if (const auto found = all.find(about.client)) about.sender = *found;
}

void find_recipient(explanation& about, const runtime_config& config,
                    const std::filesystem::path& recipient_file, instant now)
{
    const auto& known = config.known_recipients;
    const auto read = io::read_whole_file(recipient_file);
    if (known.logs.empty() || !read.text) return;
    mta::recipient_table table;
    (void)table.read_file(*read.text); // what is not understood is told where it is used
    table.expire(now, known.ttl);
    const mta::recipient_set all{table.all()};
    if (const auto found = all.find(about.client)) about.recipient = *found;
}

} // namespace fendmail::app

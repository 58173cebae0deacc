// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/known_lists.hpp"

#include "fendmail/core/assert.hpp"

namespace fendmail::dnsbl {
namespace {

using enum list_kind;

constexpr known_list lists[] = {
    // 127.0.1.255 and 127.0.2.255: an address was looked for in a list of names.
    {.domain = "spamhaus.org",
     .entry = test_entry::there,
     .refuses_public = true,
     .errors = "127.0.[1;2].255"},
    {.domain = "dq.spamhaus.net", .entry = test_entry::there, .errors = "127.0.[1;2].255"},
    {.domain = "dbl.spamhaus.org", .kind = names, .errors = "127.0.[1;2].255"},
    {.domain = "dbl.dq.spamhaus.net", .kind = names, .errors = "127.0.[1;2].255"},
    {.domain = "zrd.dq.spamhaus.net", .kind = names, .errors = "127.0.[1;2].255"},
    // These document one answer, and refuse to give it by other ones or by none.
    {.domain = "b.barracudacentral.org",
     .entry = test_entry::there,
     .refuses_public = true,
     .only = "127.0.0.2"},
    {.domain = "bl.spamcop.net", .entry = test_entry::there, .only = "127.0.0.2"},
    // 127.0.0.255 is documented; a resolver that goes on asking gets the best marks for all:
    // 127.0.10.3.
    {.domain = "list.dnswl.org",
     .entry = test_entry::untested,
     .refuses_public = true,
     .errors = "127.0.0.255 127.0.10.[0..255]"},
    {.domain = "dwl.dnswl.org", .kind = names, .errors = "127.0.0.255 127.0.10.[0..255]"},
    // White is 127.0.0.1 here, and 127.0.0.1 is white.
    {.domain = "hostkarma.junkemailfilter.com", .lists_loopback = true},
    // A mark for every address it has ever seen, and no test entries.
    {.domain = "score.senderscore.com", .entry = test_entry::untested, .refuses_public = true},
    {.domain = "uribl.com", .kind = names, .errors = "127.0.0.1"},
    {.domain = "multi.surbl.org", .kind = names, .errors = "127.0.0.1"},

    {.domain = "relays.osirusoft.com", .kind = gone, .remark = "in 2003"},
    {.domain = "ordb.org", .kind = gone, .remark = "in 2006"},
    {.domain = "opm.blitzed.org", .kind = gone, .remark = "in 2006"},
    {.domain = "dsbl.org", .kind = gone, .remark = "in 2009"},
    {.domain = "njabl.org", .kind = gone, .remark = "in 2013"},
    {.domain = "ahbl.org", .kind = gone, .remark = "in 2014 and listed everybody from 2015"},
    {.domain = "virbl.dnsbl.bit.nl", .kind = gone, .remark = "in 2017"},
    {.domain = "virbl.bit.nl", .kind = gone, .remark = "in 2017"},
    {.domain = "spamcannibal.org", .kind = gone, .remark = "in 2018 and listed everybody since"},
    {.domain = "emailbasura.org", .kind = gone, .remark = "in 2019 and listed everybody since"},
    {.domain = "spamtrap.drbl.drand.net", .kind = gone, .remark = "in 2024"},
    {.domain = "sorbs.net", .kind = gone, .remark = "in 2024"},
    {.domain = "spam.dnsbl.anonmails.de", .kind = gone, .remark = "in 2024"},
    {.domain = "ix.dnsbl.manitu.net", .kind = gone, .remark = "in 2025"},
};

bool is_within(std::string_view zone, std::string_view domain) noexcept
{
    if (!zone.ends_with(domain)) return false;
    return zone.size() == domain.size() || zone[zone.size() - domain.size() - 1] == '.';
}

void add_filters(std::vector<filter>& to, std::string_view texts)
{
    while (!texts.empty()) {
        const auto parsed = parse_filter(texts.substr(0, texts.find(' ')));
        FENDMAIL_ASSERT(parsed.has_value());
        to.push_back(*parsed);
        const auto end = texts.find(' ');
        texts = end == std::string_view::npos ? "" : texts.substr(end + 1);
    }
}

} // namespace

std::span<const known_list> known_lists() noexcept
{
    return lists;
}

const known_list* find_known_list(std::string_view zone) noexcept
{
    const known_list* best = nullptr;
    for (const auto& one : lists)
        if (is_within(zone, one.domain) &&
            (best == nullptr || one.domain.size() > best->domain.size()))
            best = &one;
    return best;
}

answer_rules rules_of(const known_list* list)
{
    answer_rules rules;
    if (list == nullptr) return rules;
    add_filters(rules.errors, list->errors);
    add_filters(rules.only, list->only);
    rules.gives_127_0_0_1 = list->lists_loopback;
    return rules;
}

} // namespace fendmail::dnsbl

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/asking.hpp"

#include "support/catch.hpp"

#include <string>
#include <vector>

using namespace fendmail;
using dnsbl::zone_answer;

namespace {

dnsbl::site_set sites(const std::vector<std::string>& texts)
{
    std::vector<dnsbl::site> all;
    for (const auto& text : texts)
        all.push_back(*dnsbl::parse_site(text));
    return dnsbl::make_site_set(all, {});
}

/// The order in which lists are asked, one after the other; "l" = it lists, "n" = it does not.
std::string order(const dnsbl::site_set& set, const std::string& answers,
                  const dnsbl::score_limits& limits)
{
    const std::vector<ip_address> listing{*parse_address("127.0.0.2")};
    std::vector<bool> asked(set.zones.size(), false);
    dnsbl::scoreboard board{set};
    std::string seen;
    while (const auto next = dnsbl::next_zone(set, asked, board, limits)) {
        asked[next->zone] = true;
        seen += set.zones[next->zone].zone.substr(0, 1);
        if (!next->can_refuse) seen += '-';
        if (answers[next->zone] == 'l')
            board.on_answer(next->zone, {dns::outcome::found, listing, {}});
        else
            board.on_answer(next->zone, {dns::outcome::not_found, {}, {}});
    }
    return seen;
}

} // namespace

TEST_CASE("asking: the list that is likeliest to decide comes first", "[dnsbl]")
{
    const auto set = sites({"small.test*2", "zen.test*3", "other.test*2", "allow.test*-4"});
    struct row {
        const char* title;
        const char* answers; // of small, zen, other, allow
        const char* want;
    };
    for (const auto& [title, answers, want] : {
             row{"listed by the heaviest: then only the allowlist can change it", "nlnn", "zaso"},
             row{"unlisted: the next ones, and then nothing can refuse", "nnnn", "zsa-o-"},
             row{"listed by the small ones", "lnln", "zsoa"},
         }) {
        CAPTURE(title);
        CHECK(order(set, answers, {3, -1}) == want);
    }
}

TEST_CASE("asking: all are asked in the end, and none twice", "[dnsbl]")
{
    const auto set = sites({"a.test", "b.test*-1", "c.test*5", "d.test*2"});
    for (const auto* answers : {"nnnn", "llll", "lnln", "nlnl"}) {
        auto seen = order(set, answers, {3, 0});
        std::erase(seen, '-');
        std::ranges::sort(seen);
        CHECK(seen == "abcd");
    }
}

TEST_CASE("asking: without lists there is nothing to ask", "[dnsbl]")
{
    const dnsbl::site_set none;
    CHECK_FALSE(dnsbl::next_zone(none, {}, dnsbl::scoreboard{none}, {}).has_value());
}

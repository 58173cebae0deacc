// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/feed/review.hpp"

#include "support/catch.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace fendmail::feed {
namespace {

forbidden_networks forbidden()
{
    forbidden_networks made;
    const auto add = [&](objection why, std::string_view net) {
        made.add(why, parse_network(net).value());
    };
    add(objection::own, "203.0.113.25");
    add(objection::trusted, "198.51.100.0/24");
    add(objection::permitted, "127.0.0.0/8");
    add(objection::known_sender, "209.85.128.0/17");
    made.finish();
    return made;
}

reviewed review_text(std::string_view text, const demands& of = {})
{
    return review(parse(text, format::automatic), forbidden(), of);
}

/// So many addresses in 45.0.0.0/8.
std::string addresses(unsigned count)
{
    std::string out;
    for (unsigned i = 0; i < count; ++i)
        out += "45.0." + std::to_string(i / 250) + "." + std::to_string(i % 250) + "\n";
    return out;
}

demands before(std::size_t entries, unsigned percent = 50)
{
    demands of;
    of.before = entries;
    of.max_change_percent = percent;
    return of;
}

} // namespace

TEST_CASE("feed review: what is no feed is refused with a reason", "[feed]")
{
    struct row {
        const char* what;
        std::string text;
        std::string_view reason; ///< begins so
    };
    for (const auto& each : {
             row{"0 octets", "", "it has no entries"},
             row{"comments only", "# none\n", "it has no entries"},
             row{"an error page", "<html>\n<body>404</body>\n</html>\n",
                 "3 of 3 lines are no entries of the form cidr, the first is line 1: \"<html>\""},
             row{"a bad line in a few", addresses(50) + "oops\n",
                 "1 of 51 lines are no entries of the form cidr, the first is line 51: \"oops\""},
             row{"JSON whose end is missing", "{\"cidr\":\"45.0.0.0/24\"}\n",
                 "the last line, which says how many"},
             row{"JSON with too few",
                 "{\"cidr\":\"45.0.0.0/24\"}\n{\"type\":\"metadata\",\"records\":9}\n",
                 "it says that it has 9 entries, and has 1"},
             row{"everything", "0.0.0.0/0\n::/0\n",
                 "none of its 2 entries can be used: 0.0.0.0/0 are wider than /8"},
             row{"private networks alone", "10.0.0.0/8\n", "none of its 1 entries can be used"},
         }) {
        CAPTURE(each.what);
        const auto found = review_text(each.text);
        CAPTURE(found.refusal);
        CHECK(found.refusal.starts_with(each.reason));
    }
    CHECK(review_text(addresses(500) + "oops\n").refusal.empty());
}

TEST_CASE("feed review: entries that would hit the wrong ones are left out and counted", "[feed]")
{
    const auto found =
        review_text("45.0.0.0/8\n45.0.0.0/7\n2a00::/15\n2a00::/16\n10.1.2.3\n10.0.0.0/8\n"
                    "192.168.0.0/17\nfe80::1\n203.0.113.0/24\n198.51.100.7\n127.0.0.1\n"
                    "209.85.0.0/16\n209.84.0.0/16\n100.64.0.0/9\n");
    REQUIRE(found.refusal.empty());
    CHECK(found.entries == 14);
    std::string kept;
    for (const auto& net : found.networks)
        kept += to_text(net) + " ";
    CHECK(kept == "45.0.0.0/8 2a00::/16 209.84.0.0/16 ");
    std::string without;
    for (const auto& each : found.without)
        without += std::string{to_string(each.why)} + "=" + std::to_string(each.count) + ":" +
                   to_text(each.example) + " ";
    CHECK(without == "too_wide=2:44.0.0.0/7 private=5:10.1.2.3/32 own=1:203.0.113.0/24 "
                     "trusted=1:198.51.100.7/32 permitted=1:127.0.0.1/32 "
                     "known_sender=1:209.85.0.0/16 ");
    for (const objection each : all_objections) {
        CHECK(to_string(each) != "unknown");
        CHECK(words_of(each) != "are left out");
    }
}

TEST_CASE("feed review: a feed that speaks for clients may name private networks", "[feed]")
{
    demands of;
    of.is_against = false;
    const auto found = review_text("10.0.0.0/8\n0.0.0.0/0\n", of);
    CHECK(found.refusal.empty());
    CHECK(found.networks.size() == 1);
    CHECK(found.without.size() == 1);
}

TEST_CASE("feed review: too few entries are refused, before and after some are left out", "[feed]")
{
    demands of;
    of.min_entries = 10;
    CHECK(review_text(addresses(10), of).refusal.empty());
    CHECK(review_text(addresses(9), of).refusal == "it has 9 entries, fewer than min_entries = 10");
    CHECK(review_text(addresses(9) + "10.0.0.1\n", of).refusal ==
          "of its 10 entries 9 can be used, fewer than min_entries = 10");
}

TEST_CASE("feed review: a change beyond the limit is refused, up and down", "[feed]")
{
    CHECK(review_text(addresses(50), before(100)).refusal.empty());
    CHECK(review_text(addresses(150), before(100)).refusal.empty());
    CHECK(review_text(addresses(49), before(100)).refusal ==
          "it has 49 entries where it had 100, a change of more than max_change = 50 %");
    CHECK_FALSE(review_text(addresses(151), before(100)).refusal.empty());
    CHECK_FALSE(review_text(addresses(99), before(100, 0)).refusal.empty());
    CHECK(review_text(addresses(100), before(100, 0)).refusal.empty());
    CHECK(review_text(addresses(900), before(100, 1000)).refusal.empty());
}

TEST_CASE("feed review: numbers of autonomous systems count as entries", "[feed]")
{
    const auto found = review_text("{\"asn\":64500}\n{\"type\":\"metadata\",\"records\":1}\n");
    CHECK(found.refusal.empty());
    CHECK(found.asns == std::vector<std::uint32_t>{64500});
}

} // namespace fendmail::feed

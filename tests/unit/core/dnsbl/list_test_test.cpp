// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/list_test.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <initializer_list>
#include <set>
#include <utility>
#include <vector>

using namespace fendmail;
using dnsbl::test_question;
using dnsbl::test_replies;
using dnsbl::test_reply;
using dnsbl::zone_trouble;

namespace {

dnsbl::site_set::zone_entry zone_of(const char* text)
{
    return dnsbl::make_site_set({*dnsbl::parse_site(text)}, {}).zones.front();
}

/// What a list that is well says, but for some questions.
test_replies well_but(std::initializer_list<std::pair<test_question, test_reply>> others)
{
    test_replies replies;
    for (const auto what : dnsbl::all_test_questions)
        replies[what] = test_reply::unlisted;
    replies[test_question::entry] = test_reply::listed;
    for (const auto& [what, reply] : others)
        replies[what] = reply;
    return replies;
}

test_reply reply_with(test_question what, std::vector<ip_address> addresses,
                      const dnsbl::answer_rules& rules = {})
{
    return reply_to(what, {dns::outcome::found, addresses, {}}, rules);
}

} // namespace

TEST_CASE("list test: asks for the entries of RFC 5782 and for names nobody has asked for",
          "[dnsbl]")
{
    CHECK(test_name(test_question::entry, "bl.test", 1) == "2.0.0.127.bl.test");
    CHECK(test_name(test_question::no_entry, "bl.test", 1) == "1.0.0.127.bl.test");
    // ::ffff:7f00:2, nibble by nibble
    const auto v6 = test_name(test_question::entry_v6, "bl.test", 1);
    CHECK(v6 == "2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.bl.test");
    CHECK(std::ranges::count(v6, '.') == 33);
    CHECK(test_name(test_question::no_entry_v6, "bl.test", 1) == "1" + v6.substr(1));
    CHECK(test_name(test_question::no_such_name, "bl.test", 0xabc) == "fendmail-00000abc.example");

    std::set<std::string> names;
    for (std::uint32_t random = 0; random < 3000; ++random)
        names.insert(test_name(test_question::nobody, "bl.test", random * 7919));
    CHECK(names.size() == 3000);
    for (const auto& name : names) {
        CHECK(name.ends_with(".127.bl.test"));
        CHECK_FALSE(name.ends_with(".0.127.bl.test"));
    }
}

TEST_CASE("list test: an answer is a listing, an error or somebody else's", "[dnsbl]")
{
    using enum test_question;
    const auto listed = ip_address::v4({127, 0, 0, 2});
    const auto error = ip_address::v4({127, 255, 255, 254});
    const auto loopback = ip_address::v4({127, 0, 0, 1});
    const auto other = ip_address::v4({10, 0, 0, 1});
    using outcome = dns::outcome;
    CHECK((reply_to(entry, {outcome::failed, {}, {}}, {}) == test_reply::none));
    CHECK((reply_to(entry, {outcome::not_found, {}, {}}, {}) == test_reply::unlisted));
    CHECK((reply_with(no_entry, {other, error, listed}) == test_reply::listed));
    CHECK((reply_with(no_entry, {other, error}) == test_reply::error_code));
    CHECK((reply_with(no_entry, {other}) == test_reply::foreign));
    // Some lists say so of their test entry; a blocker says so of everything.
    CHECK((reply_with(entry, {loopback}) == test_reply::listed));
    CHECK((reply_with(entry_v6, {loopback}) == test_reply::listed));
    CHECK((reply_with(no_entry, {loopback}) == test_reply::foreign));
    CHECK((reply_with(nobody, {loopback}) == test_reply::foreign));
}

TEST_CASE("list test: what the replies say about a list", "[dnsbl]")
{
    using enum test_question;
    using r = test_reply;
    struct row {
        const char* title;
        test_replies replies;
        zone_trouble want;
    };
    const row rows[] = {
        {"well", well_but({}), zone_trouble::none},
        {"IPv6 too", well_but({{entry_v6, r::listed}}), zone_trouble::none},
        {"some replies missing", well_but({{entry, r::none}, {nobody, r::none}}),
         zone_trouble::none},
        {"127.0.0.1 listed", well_but({{no_entry, r::listed}}), zone_trouble::lists_everybody},
        {"its IPv6 form listed", well_but({{no_entry_v6, r::listed}}),
         zone_trouble::lists_everybody},
        {"nobody listed", well_but({{nobody, r::listed}}), zone_trouble::lists_everybody},
        {"refused", well_but({{entry, r::error_code}}), zone_trouble::refuses},
        {"refused for what is not listed", well_but({{no_entry, r::error_code}}),
         zone_trouble::refuses},
        {"an odd question refused", well_but({{nobody, r::error_code}}), zone_trouble::none},
        {"parked", well_but({{entry, r::foreign}, {no_entry, r::foreign}, {nobody, r::foreign}}),
         zone_trouble::foreign},
        {"sold, and only this name", well_but({{nobody, r::foreign}}), zone_trouble::foreign},
        {"no entry", well_but({{entry, r::unlisted}}), zone_trouble::lists_nothing},
        {"rewritten", well_but({{nobody, r::foreign}, {no_such_name, r::foreign}}),
         zone_trouble::resolver},
        {"rewritten to a listing", well_but({{no_entry, r::listed}, {no_such_name, r::listed}}),
         zone_trouble::resolver},
        {"rewritten, but not in this zone", well_but({{no_such_name, r::foreign}}),
         zone_trouble::none},
        {"rewritten, and this zone refuses",
         well_but({{no_entry, r::error_code}, {no_such_name, r::foreign}}), zone_trouble::refuses},
        {"nothing", {}, zone_trouble::silent},
    };
    const auto zone = zone_of("bl.test");
    for (const row& one : rows) {
        CAPTURE(one.title);
        CHECK(to_string(judge(one.replies, zone, true, false)) == to_string(one.want));
    }
}

TEST_CASE("list test: a list without test entries need not have them", "[dnsbl]")
{
    using enum test_question;
    const auto zone = zone_of("bl.test");
    const auto without = well_but({{entry, test_reply::unlisted}});
    CHECK((judge(without, zone, false, false) == zone_trouble::none));

    auto odd = zone;
    odd.lists_loopback = true;
    const auto listed = well_but({{no_entry, test_reply::listed}, {nobody, test_reply::listed}});
    CHECK((judge(listed, odd, false, false) == zone_trouble::none));
    const auto refused = well_but({{no_entry, test_reply::error_code}});
    CHECK((judge(refused, odd, false, false) == zone_trouble::refuses));
    // But no list has an entry for a name that does not exist.
    const auto rewritten = well_but({{no_entry, test_reply::listed},
                                     {nobody, test_reply::listed},
                                     {no_such_name, test_reply::listed}});
    CHECK((judge(rewritten, odd, false, false) == zone_trouble::resolver));
}

TEST_CASE("list test: what was silent is believed only when no cache can have answered", "[dnsbl]")
{
    using enum test_question;
    const auto zone = zone_of("bl.test");
    const auto from_cache = well_but({{nobody, test_reply::none}});
    CHECK((judge(from_cache, zone, true, true) == zone_trouble::silent));
    CHECK((judge(from_cache, zone, true, false) == zone_trouble::none));
    CHECK((judge(well_but({}), zone, true, true) == zone_trouble::none));
}

TEST_CASE("list test: each trouble has a reason and advice", "[dnsbl]")
{
    for (const auto t :
         {zone_trouble::silent, zone_trouble::lists_everybody, zone_trouble::lists_nothing,
          zone_trouble::refuses, zone_trouble::foreign, zone_trouble::resolver}) {
        CAPTURE(std::string{to_string(t)});
        CHECK(reason_of(t).size() > 10);
        CHECK(advice_on(t).size() > 10);
    }
}

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/acl/timed_rules.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <string>

using namespace fendmail;
using namespace std::chrono_literals;
using acl::decision;
using acl::timed_rule;

namespace {

constexpr instant now{seconds{1'800'000'000}};

timed_rule rule(std::string_view net, decision what, seconds left, std::string comment = "")
{
    return {*parse_network(net), what, now + left, std::move(comment)};
}

ip_address client(std::string_view text)
{
    return *parse_address(text);
}

} // namespace

TEST_CASE("timed rules: the longest network decides, and of two the permission", "[acl]")
{
    const acl::timed_rule_set rules{{
        rule("192.0.2.0/24", decision::reject, 60s),
        rule("192.0.2.1", decision::permit, 60s),
        rule("192.0.2.2", decision::reject, 60s),
        rule("192.0.2.2", decision::permit, 60s),
        rule("2001:db8::/48", decision::reject, 60s),
    }};
    CHECK(rules.find(client("192.0.2.1"), now)->decision == decision::permit);
    CHECK(rules.find(client("192.0.2.2"), now)->decision == decision::permit);
    CHECK(rules.find(client("192.0.2.3"), now)->decision == decision::reject);
    CHECK(rules.find(client("2001:db8:0:1::1"), now)->decision == decision::reject);
    CHECK_FALSE(rules.find(client("198.51.100.1"), now));
    CHECK_FALSE(acl::timed_rule_set{}.find(client("192.0.2.1"), now));
}

TEST_CASE("timed rules: one that has ended decides nothing", "[acl]")
{
    const acl::timed_rule_set rules{{rule("192.0.2.1", decision::reject, 60s, "spam")}};
    CHECK(rules.find(client("192.0.2.1"), now + 59s)->rule ==
          "reject 192.0.2.1/32 until 2027-01-15T08:01:00Z: spam");
    CHECK_FALSE(rules.find(client("192.0.2.1"), now + 60s));
}

TEST_CASE("timed rules: a file gives back what was written to it", "[acl]")
{
    const std::vector<timed_rule> all{
        rule("192.0.2.0/24", decision::reject, 60s, "by hand: a wave"),
        rule("2001:db8::1", decision::permit, 86400s),
    };
    const auto read = acl::parse_timed_rules(acl::write_timed_rules(all));
    CHECK(read.rules == all);
    CHECK(read.bad_lines.empty());
}

TEST_CASE("timed rules: a bad line costs only itself", "[acl]")
{
    const auto read = acl::parse_timed_rules("# comment\n"
                                             "permit 192.0.2.1 2027-01-15T08:01:00Z\n"
                                             "permit 192.0.2.1\n"
                                             "\n"
                                             "allow 192.0.2.1 2027-01-15T08:01:00Z\n"
                                             "reject 192.0.2.300 2027-01-15T08:01:00Z\n"
                                             "reject 192.0.2.2 tomorrow\n"
                                             "reject 192.0.2.3 2027-01-15T08:01:00Z why not");
    REQUIRE(read.rules.size() == 2);
    CHECK(read.rules[1].comment == "why not");
    CHECK(read.bad_lines == std::vector<unsigned>{3, 5, 6, 7});
}

TEST_CASE("timed rules: a comment is printable and short", "[acl]")
{
    CHECK(acl::as_comment("a\nb\x1b[c\xff") == "a?b?[c?");
    CHECK(acl::as_comment(std::string(500, 'x')).size() == acl::comment_octets);
}

TEST_CASE("timed rules: a file of any size holds only so many", "[acl]")
{
    std::string text;
    for (std::size_t i = 0; i < acl::timed_rules_max + 2; ++i)
        text += "permit 192.0.2.1 2027-01-15T08:01:00Z\n";
    const auto read = acl::parse_timed_rules(text);
    CHECK(read.rules.size() == acl::timed_rules_max);
    CHECK(read.bad_lines.size() == 2);
}

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/acl/access_list.hpp"

#include "fendmail/core/limits.hpp"
#include "support/catch.hpp"

#include <string>

namespace fendmail::acl {
namespace {

ip_address address(const char* text)
{
    return parse_address(text).value();
}
network net(const char* text)
{
    return parse_network(text).value();
}

/// "permit 192.0.2.0/24", "reject file /path", or the message of the error.
std::string text_or_error(const result<rule_text>& got)
{
    if (!got) return std::string{message(got.error())};
    const std::string object = got->file.empty() ? to_text(got->net) : "file " + got->file;
    return std::string{to_string(got->decision)} + " " + object;
}

std::string text_or_error(const result<file_line>& got)
{
    if (!got) return std::string{message(got.error())};
    return got->net ? to_text(*got->net) : "nothing";
}

} // namespace

TEST_CASE("access list: a rule is a verb and a network or a file", "[acl]")
{
    struct row {
        const char* text;
        std::string want;
    };
    const std::string no_rule{message(error::bad_access_rule)};
    const row rows[] = {
        {"permit 192.0.2.0/24", "permit 192.0.2.0/24"},
        {"reject 2001:db8::/32", "reject 2001:db8::/32"},
        {"permit 192.0.2.1", "permit 192.0.2.1/32"},
        {"PERMIT 192.0.2.1", "permit 192.0.2.1/32"},
        {"Reject \t 192.0.2.1", "reject 192.0.2.1/32"},
        {"  permit 192.0.2.1 \r", "permit 192.0.2.1/32"},
        {"permit ::ffff:192.0.2.0/120", "permit 192.0.2.0/24"},
        {"reject file:/etc/fendmail/deny.cidr", "reject file /etc/fendmail/deny.cidr"},
        {"permit file:/a b.cidr", "permit file /a b.cidr"},
        {"", no_rule},
        {" ", no_rule},
        {"permit", no_rule},
        {"permit ", no_rule},
        {"permit file:", no_rule},
        {"permit file: ", no_rule},
        {"192.0.2.0/24", no_rule},
        {"192.0.2.0/24 permit", no_rule},
        {"allow 192.0.2.0/24", no_rule},
        {"permits 192.0.2.0/24", no_rule},
        {"permi 192.0.2.0/24", no_rule},
        {"permit192.0.2.0/24", no_rule},
        {"permit 192.0.2.0/24 192.0.3.0/24", no_rule},
        {"permit 192.0.2.1/24", std::string{message(error::host_bits_set)}},
        {"permit 192.0.2.0/33", std::string{message(error::bad_prefix_length)}},
        {"permit example.com", std::string{message(error::bad_address)}},
    };
    for (const row& r : rows) {
        CAPTURE(r.text);
        CHECK(text_or_error(parse_rule(r.text)) == r.want);
    }
}

TEST_CASE("access list: a line of a file is a network, a comment or nothing", "[acl]")
{
    struct row {
        std::string text;
        std::string want;
    };
    const row rows[] = {
        {"192.0.2.0/24", "192.0.2.0/24"},
        {"  2001:db8::1\t", "2001:db8::1/128"},
        {"192.0.2.1\r", "192.0.2.1/32"},
        {"192.0.2.0/24 # office", "192.0.2.0/24"},
        {"192.0.2.0/24#office", "192.0.2.0/24"},
        {"", "nothing"},
        {" \t\r", "nothing"},
        {"# all of it", "nothing"},
        {"  #", "nothing"},
        {std::string(limits::access_line_octets, ' '), "nothing"},
        {std::string(limits::access_line_octets + 1, ' '),
         std::string{message(error::line_too_long)}},
        {"192.0.2.0/24 permit", std::string{message(error::bad_access_rule)}},
        {"192.0.2.0/24 192.0.3.0/24", std::string{message(error::bad_access_rule)}},
        {"192.0.2.0/24;", std::string{message(error::bad_prefix_length)}},
        {"192.0.2.1/24", std::string{message(error::host_bits_set)}},
        {"; comment", std::string{message(error::bad_access_rule)}},
        {"example.com", std::string{message(error::bad_address)}},
    };
    for (const row& r : rows) {
        CAPTURE(r.text);
        CHECK(text_or_error(parse_file_line(r.text)) == r.want);
    }
}

TEST_CASE("access list: the first rule that matches decides, not the longest network", "[acl]")
{
    access_list list;
    CHECK(list.empty());
    list.add(decision::permit, "permit 192.0.2.0/24", {net("192.0.2.0/24")});
    list.add(decision::reject, "reject file:/deny",
             {net("192.0.2.1"), net("198.51.100.0/24"), net("2001:db8::/32")});
    list.add(decision::permit, "permit 0.0.0.0/0", {net("0.0.0.0/0")});
    CHECK_FALSE(list.empty());

    struct row {
        const char* client;
        const char* want_rule; // nullptr: no rule
        decision want = decision::permit;
    };
    static const row rows[] = {
        {"192.0.2.1", "permit 192.0.2.0/24", decision::permit},
        {"198.51.100.7", "reject file:/deny", decision::reject},
        {"2001:db8::7", "reject file:/deny", decision::reject},
        {"::ffff:198.51.100.7", "reject file:/deny", decision::reject},
        {"203.0.113.1", "permit 0.0.0.0/0", decision::permit},
        {"2001:db9::1", nullptr},
    };
    for (const row& r : rows) {
        CAPTURE(r.client);
        const auto got = list.find(address(r.client));
        REQUIRE(got.has_value() == (r.want_rule != nullptr));
        if (!got) continue;
        CHECK(got->rule == r.want_rule);
        CHECK(to_string(got->decision) == to_string(r.want));
    }
}

TEST_CASE("access list: a match says which rule it was, whatever others say alike", "[acl]")
{
    access_list list;
    list.add(decision::reject, "reject 198.51.100.0/24", {*parse_network("198.51.100.0/24")});
    list.add(decision::permit, "permit file:/a", {});
    list.add(decision::permit, "permit file:/a", {*parse_network("192.0.2.0/24")});
    CHECK(list.find(address("198.51.100.1"))->number == 0);
    CHECK(list.find(address("192.0.2.1"))->number == 2);
}

TEST_CASE("access list: a rule of an empty file matches nobody", "[acl]")
{
    access_list list;
    CHECK_FALSE(list.find(address("192.0.2.1")).has_value());
    list.add(decision::reject, "reject file:/empty", {});
    CHECK_FALSE(list.empty());
    CHECK_FALSE(list.find(address("192.0.2.1")).has_value());
    CHECK_FALSE(list.find(address("::")).has_value());
}

} // namespace fendmail::acl

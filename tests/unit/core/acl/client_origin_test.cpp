// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/acl/client_origin.hpp"

#include "fendmail/core/acl/access_list.hpp"
#include "support/catch.hpp"

#include <string_view>

namespace fendmail::acl {

TEST_CASE("client origin: a pattern is a country or an AS", "[acl]")
{
    struct row {
        std::string_view text;
        std::string_view canonical; ///< "" = refused
    };
    for (const auto& [text, canonical] :
         {row{"country:XX", "country:XX"}, row{"country:xx", "country:XX"},
          row{"asn:64500", "asn:64500"}, row{"asn:AS64500", "asn:64500"},
          row{"asn:4294967295", "asn:4294967295"}, row{"country:", ""}, row{"country:ABC", ""},
          row{"country:X1", ""}, row{"asn:", ""}, row{"asn:0", ""}, row{"asn:4294967296", ""},
          row{"asn:-1", ""}, row{"asn:1x", ""}, row{"XX", ""}, row{"", ""}}) {
        CAPTURE(text);
        const auto parsed = parse_origin(text);
        CHECK(parsed.has_value() == !canonical.empty());
        if (parsed) CHECK(to_text(*parsed) == canonical);
        if (!parsed) CHECK(parsed.error() == error::bad_origin);
    }
    CHECK(is_origin_text("country:"));
    CHECK(is_origin_text("asn:x"));
    CHECK_FALSE(is_origin_text("192.0.2.1"));
}

TEST_CASE("client origin: what is not known matches nothing", "[acl]")
{
    const auto country = parse_origin("country:XX").value();
    const auto asn = parse_origin("asn:64500").value();
    CHECK(country.matches({{'X', 'X'}, 1}));
    CHECK_FALSE(country.matches({{'X', 'Y'}, 64500}));
    CHECK(asn.matches({{'X', 'Y'}, 64500}));
    CHECK_FALSE(asn.matches({{'X', 'X'}, 0}));
    CHECK_FALSE(country.matches({}));
    CHECK_FALSE(asn.matches({}));
    CHECK_FALSE(origin_pattern{}.matches({}));
    CHECK_FALSE(origin_pattern{}.matches({{'X', 'X'}, 64500}));
}

TEST_CASE("access rules: a country or an AS stands for its networks, in the order of rules",
          "[acl]")
{
    access_list rules;
    const auto client = parse_address("192.0.2.1").value();
    const auto add = [&](std::string_view text) {
        const auto rule = parse_rule(text).value();
        if (rule.origin)
            rules.add_origin(rule.decision, std::string{text}, *rule.origin);
        else
            rules.add(rule.decision, std::string{text}, {rule.net});
    };
    add("permit asn:64500");
    add("reject country:XX");
    add("permit 192.0.2.0/24");
    CHECK(rules.find(client, {{'X', 'X'}, 64500})->rule == "permit asn:64500");
    CHECK(rules.find(client, {{'X', 'X'}, 1})->rule == "reject country:XX");
    CHECK(rules.find(client, {{'Y', 'Y'}, 1})->rule == "permit 192.0.2.0/24");
    CHECK(rules.find(client)->rule == "permit 192.0.2.0/24");
    CHECK_FALSE(rules.find(parse_address("192.0.3.1").value()));
    CHECK(rules.permitted().size() == 1);
    CHECK(parse_rule("reject country:X").error() == error::bad_origin);
}

} // namespace fendmail::acl

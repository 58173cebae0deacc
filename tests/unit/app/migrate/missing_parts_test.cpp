// SPDX-License-Identifier: Apache-2.0
// What cannot be read must never make fendmail refuse or permit more than postscreen did.
#include "conversion_case.hpp"

#include "support/catch.hpp"

using namespace fendmail;
using namespace fendmail::app;
using postscreen::conversion_case;
using test_tables_files = postscreen::test_tables::files;

namespace {

constexpr std::string_view usual_master = "smtp inet n - y - 1 postscreen\n"
                                          "smtpd pass - - y - - smtpd\n";

std::optional<acl::decision> decision_for(const conversion_case& c, const char* address)
{
    const auto found = c.runtime().access.find(*parse_address(address));
    if (!found) return std::nullopt;
    return found->decision;
}

} // namespace

TEST_CASE("convert: behind a table that cannot be read no rule is active", "[migrate]")
{
    const conversion_case c{"mynetworks = 10.0.0.0/8\n"
                            "postscreen_denylist_action = drop\n"
                            "postscreen_access_list = permit_mynetworks, pgsql:/etc/x, reject\n",
                            usual_master};
    REQUIRE(c.errors().empty());
    CHECK(decision_for(c, "10.1.1.1") == acl::decision::permit);
    CHECK_FALSE(decision_for(c, "192.0.2.1"));
    CHECK_FALSE(decision_for(c, "2001:db8::1"));
    CHECK(c.has("# \"reject 0.0.0.0/0\","));
    CHECK(c.has("ATTENTION: not active, because something above could not be read"));
}

TEST_CASE("convert: a list of interfaces of which a part is lost vetoes nobody", "[migrate]")
{
    for (const auto* lost : {"mysql:/etc/x", "/etc/missing", "192.0.2.1/24"}) {
        CAPTURE(lost);
        const conversion_case c{"postscreen_allowlist_interfaces = !192.0.2.9, " +
                                    std::string{lost} + "\n",
                                usual_master};
        REQUIRE(c.errors().empty());
        CHECK(c.runtime().allowlist_interfaces.empty());
        CHECK(c.has("ATTENTION: a part of this could not be read"));
    }
}

TEST_CASE("convert: networks behind a lost exclusion of mynetworks are not permitted", "[migrate]")
{
    for (const auto* lost : {"!/etc/missing", "!hash:/etc/x", "!10.0.0.9/24"}) {
        CAPTURE(lost);
        const conversion_case c{
            "mynetworks = 192.0.2.0/24, " + std::string{lost} + ", 10.0.0.0/8\n", usual_master};
        REQUIRE(c.errors().empty());
        CHECK(decision_for(c, "192.0.2.1") == acl::decision::permit);
        CHECK_FALSE(decision_for(c, "10.1.1.1"));
        CHECK(c.has("mynetworks: a part of it could not be read"));
    }
}

TEST_CASE("convert: behind mynetworks of which a part is lost no rule is active", "[migrate]")
{
    const test_tables_files known{{"/deny", "0.0.0.0/0 reject\n"},
                                  {"/nested", "10.0.0.0/8 permit_mynetworks\n"}};
    for (const auto* lost : {"hash:/etc/missing", "mysql:/etc/x", "/etc/missing", "192.0.2.1/24",
                             "!cidr:/etc/missing", "${unfinished"}) {
        CAPTURE(lost);
        for (const auto* list : {"permit_mynetworks, cidr:/deny", "permit_mynetworks, reject",
                                 "cidr:/nested, cidr:/deny", "permit_mynetworks, static:reject"}) {
            CAPTURE(list);
            const conversion_case c{"mynetworks = 10.0.0.0/8, " + std::string{lost} +
                                        "\npostscreen_access_list = " + list + "\n",
                                    usual_master, known};
            REQUIRE(c.errors().empty());
            CHECK_FALSE(decision_for(c, "192.0.2.1"));
            CHECK(c.marks("not active, because something above could not be read"));
            CHECK(c.marks("access.rules: mynetworks was not translated"));
        }
    }
    // What can be read permits as before.
    const conversion_case c{"mynetworks = 10.0.0.0/8, hash:/etc/missing\n"
                            "postscreen_access_list = permit_mynetworks, cidr:/deny\n",
                            usual_master, known};
    CHECK(decision_for(c, "10.1.1.1") == acl::decision::permit);
    // Nothing asks for mynetworks.
    const conversion_case other{"mynetworks = hash:/etc/missing\n"
                                "postscreen_access_list = cidr:/deny\n",
                                usual_master, known};
    CHECK(decision_for(other, "192.0.2.1") == acl::decision::reject);
}

TEST_CASE("convert: lists have time also where the greet wait is nothing", "[migrate]")
{
    const conversion_case c{"postscreen_greet_wait = 0\npostscreen_greet_banner =\n"
                            "postscreen_dnsbl_sites = bl.example\n",
                            usual_master};
    REQUIRE(c.errors().empty());
    CHECK(c.runtime().dnsbl.timeout == seconds{1});
}

TEST_CASE("convert: a name in mynetworks matches nobody in Postfix either", "[migrate]")
{
    const conversion_case c{"mynetworks = !localhost, 10.0.0.0/8\n", usual_master};
    REQUIRE(c.errors().empty());
    CHECK(decision_for(c, "10.1.1.1") == acl::decision::permit);
}

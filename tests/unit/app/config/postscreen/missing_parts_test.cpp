// SPDX-License-Identifier: Apache-2.0
// What cannot be read must never make fendmail refuse or permit more than postscreen did.
#include "conversion_case.hpp"

#include "support/catch.hpp"

using namespace fendmail;
using namespace fendmail::app;
using postscreen::conversion_case;

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
    CHECK(c.has("ATTENTION: not active, because a table above is missing"));
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

TEST_CASE("convert: lists have time also where the greet wait is nothing", "[migrate]")
{
    const conversion_case c{"postscreen_greet_wait = 0\npostscreen_greet_banner =\n"
                            "postscreen_dnsbl_sites = bl.example\n",
                            usual_master};
    REQUIRE(c.errors().empty());
    CHECK(c.runtime().dnsbl_timeout == seconds{1});
}

TEST_CASE("convert: a name in mynetworks matches nobody in Postfix either", "[migrate]")
{
    const conversion_case c{"mynetworks = !localhost, 10.0.0.0/8\n", usual_master};
    REQUIRE(c.errors().empty());
    CHECK(decision_for(c, "10.1.1.1") == acl::decision::permit);
}

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/own_names.hpp"

#include "support/catch.hpp"

using namespace fendmail;

TEST_CASE("own names: our names and addresses in every form, and no others", "[smtp]")
{
    smtp::own_names own;
    own.add("MX1.example.org.");
    own.add("192.0.2.1");
    own.add("2001:db8::1");
    const auto local = *parse_address("10.0.0.5");

    for (const char* helo :
         {"mx1.example.org", "mx1.EXAMPLE.org.", "192.0.2.1", "[192.0.2.1]", "[IPv6:2001:db8::1]",
          "[ipv6:2001:DB8:0::1]", "2001:db8::1", "[10.0.0.5]", "10.0.0.5", "[::ffff:10.0.0.5]"}) {
        CAPTURE(helo);
        CHECK(own.has(helo, local));
    }
    for (const char* helo : {"mx2.example.org", "example.org", "a.mx1.example.org", "", ".", "[]",
                             "[192.0.2.2]", "[192.0.2.1", "192.0.2.1]", "[IPv6:]", "10.0.0.50"}) {
        CAPTURE(helo);
        CHECK_FALSE(own.has(helo, local));
    }
    CHECK_FALSE(smtp::own_names{}.has("mx1.example.org", local));
    CHECK(own.has_address(*parse_address("192.0.2.1")));
    CHECK_FALSE(own.has_address(local));
}

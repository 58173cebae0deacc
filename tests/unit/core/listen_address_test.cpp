// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/listen_address.hpp"

#include "support/catch.hpp"

using namespace fendmail;

TEST_CASE("listen address: its text is the form of the configuration", "[address]")
{
    CHECK(to_text(listen_address{*parse_endpoint("192.0.2.1:25"), {}}) == "192.0.2.1:25");
    CHECK(to_text(listen_address{*parse_endpoint("[2001:db8::1]:25"), {}}) == "[2001:db8::1]:25");
    CHECK(to_text(listen_address{{}, "/run/a.sock"}) == "unix:/run/a.sock");
}

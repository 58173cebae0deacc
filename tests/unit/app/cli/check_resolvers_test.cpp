// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/cli/check_resolvers.hpp"

#include "support/catch.hpp"

using namespace fendmail;
using namespace fendmail::app;

TEST_CASE("check: of name servers that are not here, and of no lists, nothing is said", "[check]")
{
    runtime_config config;
    config.resolvers = {"192.0.2.53", "not-known.invalid"};
    CHECK(lost_questions(config).empty());
    config.dnsbl_sites = dnsbl::make_site_set({*dnsbl::parse_site("a.test")}, {});
    CHECK(lost_questions(config).empty());
}

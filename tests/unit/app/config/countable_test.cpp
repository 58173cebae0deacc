// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/countable.hpp"

#include "fendmail/app/config/load.hpp"
#include "support/catch.hpp"

#include <algorithm>

namespace fendmail::app {

TEST_CASE("countable: a filter that wants only what never is a listing", "[config]")
{
    for (const char* never :
         {"own-allow.example.org=127.0.0.1*-5", "own.example.org=127.255.255.1",
          "own.example.org=127.255.255.[0..255]*2", "own.example.org=10.0.0.1",
          "own.example.org=[0..126].[0..255].[0..255].[0..255]", "bl.spamcop.net=127.0.0.[3..9]",
          "b.barracudacentral.org=127.0.0.[3..255]*2", "zen.spamhaus.org=127.0.1.255",
          "list.dnswl.org=127.0.10.[0..3]*-2", "list.dnswl.org=127.0.0.255"}) {
        CAPTURE(never);
        CHECK_FALSE(can_count(never));
    }
    for (const char* counts :
         {"own.example.org", "own.example.org*-5", "own.example.org=127.0.0.[1..2]*-5",
          "own.example.org=[1..255].[0..255].[0..255].[0..255]", "bl.spamcop.net=127.0.0.[2..9]",
          "hostkarma.junkemailfilter.com=127.0.0.1*-2", "list.dnswl.org=127.0.[0..255].0*-2",
          "zen.spamhaus.org=127.0.0.[2..11]*3", "own.example.org=127.[1;255].255.[0..255]"}) {
        CAPTURE(counts);
        CHECK(can_count(counts));
    }
}

TEST_CASE("config: a site that never adds its weight is warned of", "[config]")
{
    const auto got = parse_config("[dnsbl]\nsites = [\"a.example=127.0.0.1*-5\", \"b.example\"]\n",
                                  "x.toml", "mx.example.org");
    REQUIRE(got.value);
    CHECK(std::ranges::count_if(got.problems, [](const problem& p) {
              return !p.fatal && p.line == 2 &&
                     p.text.find("it never adds its weight (found \"a.example=127.0.0.1*-5\")") !=
                         std::string::npos;
          }) == 1);
}

} // namespace fendmail::app

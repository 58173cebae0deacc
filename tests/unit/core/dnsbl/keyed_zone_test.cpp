// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/keyed_zone.hpp"

#include "support/catch.hpp"

#include <fmt/format.h>
#include <string>
#include <string_view>

namespace fendmail::dnsbl {
namespace {

std::string split(std::string_view zone)
{
    const auto found = split_key(zone);
    if (!found) return "none";
    return fmt::format("{} {}{}", found->key, found->zone, found->is_guess ? " guessed" : "");
}

} // namespace

TEST_CASE("zone keys: of a known service whatever stands in front is the key", "[dnsbl]")
{
    CHECK(split("k.zen.dq.spamhaus.net") == "k zen.dq.spamhaus.net");
    CHECK(split("abcdef.authbl.dq.spamhaus.net") == "abcdef authbl.dq.spamhaus.net");
    CHECK(split("Key.ZEN.DQ.Spamhaus.NET.") == "Key ZEN.DQ.Spamhaus.NET");
    CHECK(split("x.combined.mail.abusix.zone") == "x combined.mail.abusix.zone");
    CHECK(split("zen.dq.spamhaus.net") == "none");
    CHECK(split("combined.mail.abusix.zone") == "none");
    CHECK(split("dq.spamhaus.net") == "none");
    CHECK(split("zen.spamhaus.org") == "none");
}

TEST_CASE("zone keys: elsewhere only what no human would choose is one", "[dnsbl]")
{
    CHECK(split("k3y9k3y9k3y9k3y9.lists.example.com") ==
          "k3y9k3y9k3y9k3y9 lists.example.com guessed");
    CHECK(split("qwertyuiopasdfghjklzxcvbnm.lists.example.com") ==
          "qwertyuiopasdfghjklzxcvbnm lists.example.com guessed");
    for (const char* plain :
         {"bl.spamcop.net", "hostkarma.junkemailfilter.com", "b.barracudacentral.org",
          "backscatter.spameatingmonkey.net", "dnsbl-1.uceprotect.net", "spamrbl.imp.ch",
          "bad.psky.me", "noptr.spamrats.com", "0spam-killlist.fusionzero.com",
          "averyveryverylongname123.example", "truncate.gbudb.net", "bl2020"}) {
        CAPTURE(plain);
        CHECK(split(plain) == "none");
    }
}

} // namespace fendmail::dnsbl

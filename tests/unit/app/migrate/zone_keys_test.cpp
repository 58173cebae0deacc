// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/migrate/zone_keys.hpp"

#include "conversion_case.hpp"
#include "support/catch.hpp"

#include <fmt/format.h>

namespace fendmail::app::postscreen {
namespace {

constexpr std::string_view usual_master = "smtp inet n - y - 1 postscreen\n"
                                          "smtpd pass n - y - - smtpd\n";
constexpr std::string_view dqs_key = "abcdefghijklmnopqrstuvwxyz"; // no digit

} // namespace

TEST_CASE("zone keys: one file for a service, another for another key", "[migrate]")
{
    key_ring ring;
    CHECK(ring.add(*split_key("one.zen.dq.spamhaus.net")) == "dq.spamhaus.net.key");
    CHECK(ring.add(*split_key("one.xbl.dq.spamhaus.net")) == "dq.spamhaus.net.key");
    CHECK(ring.add(*split_key("two.pbl.dq.spamhaus.net")) == "dq.spamhaus.net-2.key");
    CHECK(ring.add(*split_key("one.sbl.dq.spamhaus.net")) == "dq.spamhaus.net.key");
    REQUIRE(ring.files().size() == 2);
    CHECK(ring.files()[1].second == "two");
}

TEST_CASE("convert: no client is told a key, whatever the reply map says", "[migrate]")
{
    for (const char* map : {"", "postscreen_dnsbl_reply_map = inline:{ other.example=x }\n",
                            "postscreen_dnsbl_reply_map = texthash:/empty\n",
                            "postscreen_dnsbl_reply_map = mysql:/x\n"}) {
        CAPTURE(map);
        const conversion_case c{
            fmt::format("postscreen_dnsbl_sites = {}.zen.dq.spamhaus.net*3 bl.example\n{}", dqs_key,
                        map),
            usual_master, test_tables::files{{"/empty", "# nothing\n"}}};
        REQUIRE(c.errors().empty());
        const auto& zone = c.runtime().dnsbl_sites.zones.at(0);
        CHECK(zone.zone == fmt::format("{}.zen.dq.spamhaus.net", dqs_key)); // what is asked
        CHECK(zone.reply_name == "zen.dq.spamhaus.net");
        CHECK(c.marks("a secret stands here"));
    }
}

TEST_CASE("convert: keys go to files of their own, and fendmail.toml holds no secret", "[migrate]")
{
    const conversion_case c{
        fmt::format("key = {}\npostscreen_dnsbl_sites = $key.zen.dq.spamhaus.net*3\n"
                    "  ${{key}}.zen.dq.spamhaus.net=127.0.0.4*2, $key.authbl.dq.spamhaus.net\n"
                    "postscreen_dnsbl_reply_map = inline:{{ {{$key.zen.dq.spamhaus.net = "
                    "zen.spamhaus.org}} }}\n",
                    dqs_key),
        usual_master,
        {},
        true};
    CHECK_FALSE(c.has(dqs_key));
    REQUIRE(c.made.key_files.size() == 1);
    CHECK(c.made.key_files[0] ==
          std::pair{std::string("dq.spamhaus.net.key"), std::string(dqs_key)});
    CHECK(c.has("zone_keys = { \"zen.dq.spamhaus.net\" = \"/etc/fendmail/dq.spamhaus.net.key\", "
                "\"authbl.dq.spamhaus.net\" = \"/etc/fendmail/dq.spamhaus.net.key\" }"));
    CHECK(c.has("reply_names = { \"zen.dq.spamhaus.net\" = \"zen.spamhaus.org\" }"));
    CHECK(c.has("chgrp fendmail /etc/fendmail/dq.spamhaus.net.key"));
    CHECK(c.remarks().size() == 1); // mynetworks: about a key that is sure there is nothing to say
}

TEST_CASE("convert: a name for a zone without a key is no secret", "[migrate]")
{
    const conversion_case c{"postscreen_dnsbl_sites = zen.spamhaus.org*3\n"
                            "postscreen_dnsbl_reply_map = pcre:{ {/^zen/ our lists} }\n",
                            usual_master};
    REQUIRE(c.errors().empty());
    CHECK(c.runtime().dnsbl_sites.zones.at(0).reply_name == "our lists");
    CHECK_FALSE(c.has("secret"));
    CHECK_FALSE(c.has("\nzone_keys"));
}

TEST_CASE("convert: the case of a zone and its key says nothing", "[migrate]")
{
    const conversion_case c{"postscreen_dnsbl_sites = one.zen.dq.spamhaus.net=127.0.0.2*2 "
                            "ONE.Zen.DQ.spamhaus.net=127.0.0.3*3\n",
                            usual_master};
    REQUIRE(c.errors().empty());
    REQUIRE(c.runtime().dnsbl_sites.zones.size() == 1);
    CHECK(c.runtime().dnsbl_sites.zones[0].zone == "one.zen.dq.spamhaus.net");
    CHECK(c.runtime().dnsbl_sites.zones[0].sites.size() == 2);
    CHECK(c.result.problems.empty());
}

TEST_CASE("convert: of one zone one key is taken out, a second one stays where it is", "[migrate]")
{
    const conversion_case c{"postscreen_dnsbl_sites = one.zen.dq.spamhaus.net "
                            "two.zen.dq.spamhaus.net\n",
                            usual_master,
                            {},
                            true};
    REQUIRE(c.made.key_files.size() == 1);
    CHECK(c.made.key_files[0].second == "one");
    CHECK(c.has("sites = [\"zen.dq.spamhaus.net\", \"two.zen.dq.spamhaus.net\"]"));
}

} // namespace fendmail::app::postscreen

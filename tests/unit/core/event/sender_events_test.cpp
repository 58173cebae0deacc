// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/event/sender_events.hpp"

#include "event_rows.hpp"
#include "support/catch.hpp"

#include <string_view>
#include <vector>

namespace fendmail::event {
namespace {

std::vector<row> rows()
{
    return {
        {sender_loaded{"gmail.com", 12, seconds{11100}}, "sender_loaded", "info",
         "known sender gmail.com: 12 networks, 3h 5m old",
         R"("domain":"gmail.com","networks":12,"age_seconds":11100)",
         "domain=gmail.com networks=12 age_seconds=11100"},
        {sender_refreshed{"gmail.com", 12, true}, "sender_refreshed", "info",
         "known sender gmail.com: 12 networks, refreshed, changed",
         R"("domain":"gmail.com","networks":12,"changed":true)",
         "domain=gmail.com networks=12 changed=true"},
        {sender_refreshed{"gmail.com", 12, false}, "sender_refreshed", "info",
         "known sender gmail.com: 12 networks, refreshed, unchanged",
         R"("domain":"gmail.com","networks":12,"changed":false)",
         "domain=gmail.com networks=12 changed=false"},
        {sender_not_refreshed{"gmail.com", "TXT of gmail.com: SERVFAIL", 12, seconds{11100}},
         "sender_not_refreshed", "warning",
         "warning: known sender gmail.com not refreshed: TXT of gmail.com: SERVFAIL; its 12 "
         "networks, 3h 5m old, stay in use",
         R"("domain":"gmail.com","reason":"TXT of gmail.com: SERVFAIL","networks":12,)"
         R"("age_seconds":11100)",
         R"(domain=gmail.com reason="TXT of gmail.com: SERVFAIL" networks=12 age_seconds=11100)"},
        {sender_not_refreshed{"a.test", "a.test has no SPF record", 0, seconds{0}},
         "sender_not_refreshed", "warning",
         "warning: known sender a.test not refreshed: a.test has no SPF record; it has no "
         "networks",
         R"("domain":"a.test","reason":"a.test has no SPF record","networks":0,"age_seconds":0)",
         R"(domain=a.test reason="a.test has no SPF record" networks=0 age_seconds=0)"},
        {sender_partial{"a.test", "\"ptr\" of a.test is not expanded"}, "sender_partial", "warning",
         "warning: known sender a.test: a part of its SPF record is not used: \"ptr\" of a.test "
         "is not expanded",
         R"("domain":"a.test","notes":"\"ptr\" of a.test is not expanded")",
         R"(domain=a.test notes="\"ptr\" of a.test is not expanded")"},
        {sender_outdated{"a.test", 3, seconds{15 * 86400}}, "sender_outdated", "warning",
         "warning: known sender a.test: its 3 networks are 15d old and stay in use: check why its "
         "SPF record cannot be had, or take it out of known_senders.spf",
         R"("domain":"a.test","networks":3,"age_seconds":1296000)",
         "domain=a.test networks=3 age_seconds=1296000"},
    };
}

std::vector<any_event> with_text(std::string_view text)
{
    return {sender_loaded{text, 1, seconds{1}}, sender_refreshed{text, 1, true},
            sender_not_refreshed{text, text, 1, seconds{1}}, sender_partial{text, text},
            sender_outdated{text, 1, seconds{1}}};
}

} // namespace

TEST_CASE("known-sender events: each has its exact line in every format", "[event]")
{
    check_rows(sender_events{}, rows());
}

TEST_CASE("known-sender events: no octet of any text can break or forge a line in any format",
          "[event]")
{
    check_texts(rows(), with_text);
}

} // namespace fendmail::event

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/event/dns_events.hpp"

#include "event_rows.hpp"
#include "support/catch.hpp"

#include <string_view>
#include <vector>

namespace fendmail::event {
namespace {

std::vector<row> lists()
{
    return {
        {dnsbl_listed{client.client.address, "zen.example", ip_address::v4({127, 0, 0, 4})},
         "dnsbl_listed", "info", "addr 192.0.2.1 listed by domain zen.example as 127.0.0.4",
         R"("client":"192.0.2.1","zone":"zen.example","answer":"127.0.0.4")",
         "client=192.0.2.1 zone=zen.example answer=127.0.0.4"},
        {dnsbl_answer_ignored{client.client.address, "zen.example",
                              ip_address::v4({127, 255, 255, 254}), true},
         "dnsbl_answer_ignored", "warning",
         "warning: dnsbl zen.example answers 127.255.255.254 for 192.0.2.1, an error code of the "
         "list and not a listing; it is ignored: check whether the list lets this resolver ask",
         R"("client":"192.0.2.1","zone":"zen.example","answer":"127.255.255.254")"
         R"(,"error_code":true)",
         "client=192.0.2.1 zone=zen.example answer=127.255.255.254 error_code=true"},
        {dnsbl_answer_ignored{client.client.address, "dead.example",
                              ip_address::v4({203, 0, 113, 9}), false},
         "dnsbl_answer_ignored", "warning",
         "warning: dnsbl dead.example answers 203.0.113.9 for 192.0.2.1, which no list "
         "answers; it is ignored: check the resolver, and whether the list still exists",
         R"("client":"192.0.2.1","zone":"dead.example","answer":"203.0.113.9","error_code":false)",
         "client=192.0.2.1 zone=dead.example answer=203.0.113.9 error_code=false"},
        {dnsbl_failed{client.client.address, "zen.example", "timeout"}, "dnsbl_failed", "warning",
         "warning: dnsbl zen.example gives no answer for 192.0.2.1: timeout; counted as not "
         "listed",
         R"("client":"192.0.2.1","zone":"zen.example","reason":"timeout")",
         "client=192.0.2.1 zone=zen.example reason=timeout"},
        {list_suspended{"zen.example", "refuses", "it answers an error", "ask elsewhere"},
         "list_suspended", "warning",
         "warning: dnsbl zen.example suspended: it answers an error; it counts for nothing until "
         "its test succeeds: ask elsewhere",
         R"("zone":"zen.example","trouble":"refuses","reason":"it answers an error",)"
         R"("advice":"ask elsewhere")",
         R"(zone=zen.example trouble=refuses reason="it answers an error" advice="ask elsewhere")"},
        {list_restored{"zen.example", seconds{75}}, "list_restored", "info",
         "dnsbl zen.example is in use again after 75 s: its test succeeded",
         R"("zone":"zen.example","after_seconds":75)", "zone=zen.example after_seconds=75"},
    };
}

std::vector<row> resolvers()
{
    return {
        {resolver_distrusted{"192.0.2.53"}, "resolver_distrusted", "warning",
         "warning: resolver 192.0.2.53 answers for names that do not exist; the lists asked "
         "through it count for nothing until it stops: use a resolver that does not rewrite "
         "answers (dnsbl.resolvers)",
         R"("resolver":"192.0.2.53")", "resolver=192.0.2.53"},
        {resolver_restored{"192.0.2.53", seconds{60}}, "resolver_restored", "info",
         "resolver 192.0.2.53 is trusted again after 60 s",
         R"("resolver":"192.0.2.53","after_seconds":60)", "resolver=192.0.2.53 after_seconds=60"},
        {resolver_unavailable{"192.0.2.53", "nobody answers", {40, 1, 39, milliseconds{50}, 16}},
         "resolver_unavailable", "warning",
         "warning: resolver 192.0.2.53 unavailable: nobody answers (40 questions sent, 1 answered, "
         "39 lost, asked again after 50 ms, 16 at a time); clients count as not listed until it "
         "answers: check "
         "the configured resolvers",
         R"("resolver":"192.0.2.53","reason":"nobody answers","sent":40,"answered":1)"
         R"(,"lost":39,"retransmission":0.050,"window":16)",
         R"(resolver=192.0.2.53 reason="nobody answers" sent=40 answered=1)"
         R"( lost=39 retransmission=0.050 window=16)"},
        {resolver_available{"192.0.2.53", seconds{60}}, "resolver_available", "info",
         "resolver 192.0.2.53 answers again after 60 s",
         R"("resolver":"192.0.2.53","after_seconds":60)",
         R"(resolver=192.0.2.53 after_seconds=60)"},
        {resolver_losing{"192.0.2.53", {400, 200, 200, milliseconds{1200}, 16}}, "resolver_losing",
         "warning",
         "warning: resolver 192.0.2.53 loses much: 400 questions sent, 200 answered, 200 lost, "
         "asked again after 1200 ms, 16 at a time; clients wait longer: look at its load, its "
         "receive buffer and "
         "the way to it",
         R"("resolver":"192.0.2.53","sent":400,"answered":200)"
         R"(,"lost":200,"retransmission":1.200,"window":16)",
         R"(resolver=192.0.2.53 sent=400 answered=200 lost=200 retransmission=1.200 window=16)"},
        {resolver_steady{"192.0.2.53", seconds{30}, {400, 399, 1, milliseconds{50}, 16}},
         "resolver_steady", "info",
         "resolver 192.0.2.53 loses little again after 30 s: 400 questions sent, 399 answered, 1 "
         "lost, asked again after 50 ms, 16 at a time",
         R"("resolver":"192.0.2.53","after_seconds":30,"sent":400,"answered":399)"
         R"(,"lost":1,"retransmission":0.050,"window":16)",
         R"(resolver=192.0.2.53 after_seconds=30 sent=400 answered=399)"
         R"( lost=1 retransmission=0.050 window=16)"},
    };
}

std::vector<row> rows()
{
    return both(lists(), resolvers());
}

std::vector<any_event> with_text(std::string_view text)
{
    return {dnsbl_listed{client.client.address, text, client.client.address},
            dnsbl_answer_ignored{client.client.address, text, client.client.address, true},
            dnsbl_failed{client.client.address, text, text},
            resolver_unavailable{text, text, {}},
            resolver_available{text, {}},
            resolver_losing{text, {}},
            resolver_steady{text, {}, {}},
            list_suspended{text, "silent", text, text},
            list_restored{text, {}},
            resolver_distrusted{text},
            resolver_restored{text, {}}};
}

} // namespace

TEST_CASE("DNS events: each has its exact line in every format", "[event]")
{
    check_rows(dns_events{}, rows());
}

TEST_CASE("DNS events: no octet of any text can break or forge a line in any format", "[event]")
{
    check_texts(rows(), with_text);
}

} // namespace fendmail::event

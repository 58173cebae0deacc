// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/event/ban_events.hpp"

#include "event_rows.hpp"
#include "support/catch.hpp"

#include <string_view>
#include <vector>

namespace fendmail::event {
namespace {

using namespace std::chrono_literals;
using abuse::ban_action;
using abuse::ban_guard;
using abuse::ban_origin;
using abuse::rate;
using abuse::rate_action;

const network one = *parse_network("192.0.2.1");
const network many = *parse_network("192.0.2.0/24");

std::vector<row> rows()
{
    return {
        {rate_exceeded{client, rate::connections, one, budget{20, 10s}, rate_action::defer},
         "rate_exceeded", "info",
         "NOQUEUE: reject: CONNECT from [192.0.2.1]:12345: more connections than 20/10s of "
         "192.0.2.1",
         json(R"(,"rate":"connections","network":"192.0.2.1","allowed":"20/10s","action":"defer")"),
         logfmt(" rate=connections network=192.0.2.1 allowed=20/10s action=defer")},
        {rate_exceeded{client, rate::network, many, budget{200, 10s}, rate_action::ignore},
         "rate_exceeded", "info",
         "RATE EXCEEDED by [192.0.2.1]:12345: more connections of its network than 200/10s of "
         "192.0.2.0/24; only told",
         json(R"(,"rate":"network","network":"192.0.2.0/24","allowed":"200/10s")"
              R"(,"action":"ignore")"),
         logfmt(" rate=network network=192.0.2.0/24 allowed=200/10s action=ignore")},
        {client_banned{one, ban_origin::offences, "pregreet*3,rate", 2, 12h, ban_action::enforce},
         "client_banned", "info", "BANNED 192.0.2.1 for 12h (ban 2): pregreet*3,rate",
         R"("network":"192.0.2.1","origin":"offences","why":"pregreet*3,rate","count":2)"
         R"(,"span_seconds":43200,"action":"enforce")",
         "network=192.0.2.1 origin=offences why=pregreet*3,rate count=2 span_seconds=43200 "
         "action=enforce"},
        {client_banned{many, ban_origin::network, "banned addresses in it", 1, 2h,
                       ban_action::ignore},
         "client_banned", "info", "BANNED 192.0.2.0/24 for 2h: banned addresses in it; only told",
         R"("network":"192.0.2.0/24","origin":"network","why":"banned addresses in it","count":1)"
         R"(,"span_seconds":7200,"action":"ignore")",
         "network=192.0.2.0/24 origin=network why=\"banned addresses in it\" count=1 "
         "span_seconds=7200 action=ignore"},
        {banned_client{client, many, "dnsbl*2", 61s, ban_action::drop}, "banned_client", "info",
         "NOQUEUE: reject: CONNECT from [192.0.2.1]:12345: 192.0.2.0/24 is banned for 1m 1s more: "
         "dnsbl*2",
         json(R"(,"network":"192.0.2.0/24","why":"dnsbl*2","left_seconds":61,"action":"drop")"),
         logfmt(" network=192.0.2.0/24 why=dnsbl*2 left_seconds=61 action=drop")},
        {banned_client{client, one, "dnsbl*2", 61s, ban_action::ignore}, "banned_client", "info",
         "BANNED CLIENT [192.0.2.1]:12345: 192.0.2.1 is banned for 1m 1s more: dnsbl*2; only told",
         json(R"(,"network":"192.0.2.1","why":"dnsbl*2","left_seconds":61,"action":"ignore")"),
         logfmt(" network=192.0.2.1 why=dnsbl*2 left_seconds=61 action=ignore")},
        {ban_ended{one, false}, "ban_ended", "info", "BAN of 192.0.2.1 is over",
         R"("network":"192.0.2.1","by_admin":false)", "network=192.0.2.1 by_admin=false"},
        {ban_ended{one, true}, "ban_ended", "info", "BAN of 192.0.2.1 taken back by an admin",
         R"("network":"192.0.2.1","by_admin":true)", "network=192.0.2.1 by_admin=true"},
        {ban_withheld{one, ban_guard::gateway, "dnsbl*2"}, "ban_withheld", "warning",
         "warning: 192.0.2.1 is not banned, because of what it is (gateway), though it has the "
         "points for it: dnsbl*2",
         R"("network":"192.0.2.1","guard":"gateway","why":"dnsbl*2")",
         "network=192.0.2.1 guard=gateway why=dnsbl*2"},
        {bans_paused{500}, "bans_paused", "warning",
         "warning: more than 500 new bans in a minute: no client is banned until there are fewer "
         "(bans.max_new_per_minute)",
         R"("per_minute":500)", "per_minute=500"},
        {bans_resumed{7}, "bans_resumed", "info",
         "clients are banned again; 7 bans were not made meanwhile", R"("not_made":7)",
         "not_made=7"},
        {kernel_bans_failing{"no helper", 0s}, "kernel_bans_failing", "warning",
         "warning: bans in the kernel: no helper", R"("why":"no helper","after_seconds":0)",
         R"(why="no helper" after_seconds=0)"},
        {kernel_bans_failing{"full", 61s}, "kernel_bans_failing", "warning",
         "warning: bans in the kernel: full; for 1m 1s now", R"("why":"full","after_seconds":61)",
         "why=full after_seconds=61"},
        {kernel_bans_restored{12, 61s}, "kernel_bans_restored", "info",
         "bans are in the kernel again after 1m 1s: it keeps 12 clients off",
         R"("held":12,"after_seconds":61)", "held=12 after_seconds=61"},
    };
}

std::vector<any_event> with_text(std::string_view text)
{
    return {client_banned{one, ban_origin::offences, text, 1, 1h, ban_action::drop},
            banned_client{client, one, text, 1s, ban_action::drop},
            ban_withheld{one, ban_guard::gateway, text}, kernel_bans_failing{text, 0s}};
}

} // namespace

TEST_CASE("ban events: each has its exact line in every format", "[event]")
{
    check_rows(ban_events{}, rows());
}

TEST_CASE("ban events: no octet of any text can break or forge a line in any format", "[event]")
{
    check_texts(rows(), with_text);
}

} // namespace fendmail::event

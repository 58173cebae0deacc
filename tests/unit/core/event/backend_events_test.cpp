// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/event/backend_events.hpp"

#include "event_rows.hpp"
#include "support/catch.hpp"

#include <string_view>
#include <vector>

namespace fendmail::event {
namespace {

std::vector<row> rows()
{
    return {
        {backend_unavailable{client, "127.0.0.1:10025", "connection refused"},
         "backend_unavailable", "warning",
         "warning: backend 127.0.0.1:10025 unavailable for [192.0.2.1]:12345: connection refused",
         json(R"(,"backend":"127.0.0.1:10025","reason":"connection refused")"
              R"(,"clients":1,"after_seconds":0)"),
         logfmt(R"( backend=127.0.0.1:10025 reason="connection refused" clients=1)"
                " after_seconds=0")},
        {backend_unavailable{client, "127.0.0.1:10025", "connection refused", 12, seconds{600}},
         "backend_unavailable", "warning",
         "warning: backend 127.0.0.1:10025 unavailable for [192.0.2.1]:12345: connection refused; "
         "for 600 s now, 12 clients could not be handed over",
         json(R"(,"backend":"127.0.0.1:10025","reason":"connection refused")"
              R"(,"clients":12,"after_seconds":600)"),
         logfmt(R"( backend=127.0.0.1:10025 reason="connection refused" clients=12)"
                " after_seconds=600")},
        {backend_restored{"127.0.0.1:10025", seconds{75}, 1}, "backend_restored", "info",
         "backend 127.0.0.1:10025 takes clients again after 75 s; 1 client could not be handed "
         "over meanwhile",
         R"("backend":"127.0.0.1:10025","after_seconds":75,"clients":1)",
         "backend=127.0.0.1:10025 after_seconds=75 clients=1"},
        {backend_suspended{"127.0.0.1:10025", "it answered the header with 500", "mend it"},
         "backend_suspended", "warning",
         "warning: backend 127.0.0.1:10025 suspended: it does not take the address of the client: "
         "it answered the header with 500; clients are told to come again until it does: mend it",
         R"("backend":"127.0.0.1:10025","reason":"it answered the header with 500",)"
         R"("advice":"mend it")",
         R"(backend=127.0.0.1:10025 reason="it answered the header with 500" advice="mend it")"},
        {backend_proven{"127.0.0.1:10025", seconds{75}, 12}, "backend_proven", "info",
         "backend 127.0.0.1:10025 is in use again after 75 s: it takes the address of the client; "
         "12 clients were told to come again meanwhile",
         R"("backend":"127.0.0.1:10025","after_seconds":75,"clients":12)",
         "backend=127.0.0.1:10025 after_seconds=75 clients=12"},
    };
}

std::vector<any_event> with_text(std::string_view text)
{
    return {backend_unavailable{client, text, text}, backend_restored{text, {}, 1},
            backend_suspended{text, text, text}, backend_proven{text, {}, 1}};
}

} // namespace

TEST_CASE("backend events: each has its exact line in every format", "[event]")
{
    check_rows(backend_events{}, rows());
}

TEST_CASE("backend events: no octet of any text can break or forge a line in any format", "[event]")
{
    check_texts(rows(), with_text);
}

} // namespace fendmail::event

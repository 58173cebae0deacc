// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/event/balancer_events.hpp"

#include "event_rows.hpp"
#include "support/catch.hpp"

#include <string_view>
#include <vector>

namespace fendmail::event {
namespace {

std::vector<row> rows()
{
    return {
        {proxy_header_refused{client.client, client.client, "why", "", 0}, "proxy_header_refused",
         "warning", "warning: haproxy read: [192.0.2.1]:12345: why",
         R"("balancer":"192.0.2.1","balancer_port":12345,"local":"192.0.2.1","local_port":12345)"
         R"(,"reason":"why","text":"","suppressed":0)",
         "balancer=192.0.2.1 balancer_port=12345 local=192.0.2.1 local_port=12345 reason=why "
         R"(text="" suppressed=0)"},
    };
}

std::vector<any_event> with_text(std::string_view text)
{
    return {proxy_header_refused{client.client, local, text, text, 1}};
}

} // namespace

TEST_CASE("balancer events: each has its exact line in every format", "[event]")
{
    check_rows(balancer_events{}, rows());
}

TEST_CASE("balancer events: no octet of any text can break or forge a line in any format",
          "[event]")
{
    check_texts(rows(), with_text);
}

} // namespace fendmail::event

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/event/grey_events.hpp"

#include "event_rows.hpp"
#include "support/catch.hpp"

#include <vector>

namespace fendmail::event {
namespace {

using namespace std::chrono_literals;

const network many = *parse_network("192.0.2.0/24");

std::vector<row> rows()
{
    return {
        {suspect_deferred{client, 2, many, 300s}, "suspect_deferred", "info",
         "GREY [192.0.2.1]:12345 has a score of 2: 192.0.2.0/24 is asked to come back in 5m",
         json(R"(,"score":2,"network":"192.0.2.0/24","wait_seconds":300)"),
         logfmt(" score=2 network=192.0.2.0/24 wait_seconds=300")},
        {suspect_returned{client, 2, many, 3661s}, "suspect_returned", "info",
         "GREY PASS [192.0.2.1]:12345 with a score of 2: 192.0.2.0/24 has come back after 1h 1m",
         json(R"(,"score":2,"network":"192.0.2.0/24","after_seconds":3661)"),
         logfmt(" score=2 network=192.0.2.0/24 after_seconds=3661")},
    };
}

} // namespace

TEST_CASE("grey events: each has its exact line in every format", "[event]")
{
    check_rows(grey_events{}, rows());
}

} // namespace fendmail::event

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/event/feed_events.hpp"

#include "event_rows.hpp"
#include "support/catch.hpp"

#include <string_view>
#include <vector>

namespace fendmail::event {
namespace {

std::vector<row> rows()
{
    return {
        {feed_loaded{"drop", 1700, 2, seconds{11100}}, "feed_loaded", "info",
         "feed drop: 1700 entries, 2 left out, 3h 5m old",
         R"("feed":"drop","entries":1700,"left_out":2,"age_seconds":11100)",
         "feed=drop entries=1700 left_out=2 age_seconds=11100"},
        {feed_rejected{"drop", "/f.json", "it is empty", 1700, seconds{11100}}, "feed_rejected",
         "warning",
         "warning: feed drop: /f.json is refused: it is empty; its 1700 entries, 3h 5m old, stay "
         "in use",
         R"("feed":"drop","file":"/f.json","reason":"it is empty","entries":1700,)"
         R"("age_seconds":11100)",
         R"(feed=drop file=/f.json reason="it is empty" entries=1700 age_seconds=11100)"},
        {feed_rejected{"drop", "/f.json", "it is empty", 0, seconds{0}}, "feed_rejected", "warning",
         "warning: feed drop: /f.json is refused: it is empty; it has no entries",
         R"("feed":"drop","file":"/f.json","reason":"it is empty","entries":0,"age_seconds":0)",
         R"(feed=drop file=/f.json reason="it is empty" entries=0 age_seconds=0)"},
        {feed_trimmed{"drop", "private", "touch private networks", 1, "10.0.0.0/8"}, "feed_trimmed",
         "warning",
         "warning: feed drop: 1 entries are left out, which touch private networks: 10.0.0.0/8",
         R"("feed":"drop","reason":"private","count":1,"example":"10.0.0.0/8")",
         "feed=drop reason=private count=1 example=10.0.0.0/8"},
        {feed_trimmed{"drop", "private", "touch private networks", 3, "10.0.0.0/8"}, "feed_trimmed",
         "warning",
         "warning: feed drop: 3 entries are left out, which touch private networks: 10.0.0.0/8 and "
         "others",
         R"("feed":"drop","reason":"private","count":3,"example":"10.0.0.0/8")",
         "feed=drop reason=private count=3 example=10.0.0.0/8"},
        {feed_outdated{"drop", 1700, seconds{8 * 86400}}, "feed_outdated", "warning",
         "warning: feed drop: its 1700 entries are 8d old and stay in use: check why its file is "
         "not renewed",
         R"("feed":"drop","entries":1700,"age_seconds":691200)",
         "feed=drop entries=1700 age_seconds=691200"},
    };
}

std::vector<any_event> with_text(std::string_view text)
{
    return {feed_loaded{text, 1, 0, seconds{1}}, feed_rejected{text, text, text, 1, seconds{1}},
            feed_trimmed{text, "private", "touch private networks", 1, "10.0.0.0/8"},
            feed_outdated{text, 1, seconds{1}}};
}

} // namespace

TEST_CASE("feed events: each has its exact line in every format", "[event]")
{
    check_rows(feed_events{}, rows());
}

TEST_CASE("feed events: no octet of any text can break or forge a line in any format", "[event]")
{
    check_texts(rows(), with_text);
}

} // namespace fendmail::event

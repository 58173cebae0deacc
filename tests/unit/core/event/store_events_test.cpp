// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/event/store_events.hpp"

#include "event_rows.hpp"
#include "support/catch.hpp"

#include <string_view>
#include <vector>

namespace fendmail::event {
namespace {

std::vector<row> rows()
{
    return {
        {store_unavailable{"disk full"}, "store_unavailable", "warning",
         "warning: client store unavailable: disk full; until it works, clients that pass are "
         "remembered in memory: check its file and disk",
         R"("reason":"disk full","failures":1,"after_seconds":0)",
         R"(reason="disk full" failures=1 after_seconds=0)"},
        {store_unavailable{"disk full", 7, seconds{60}}, "store_unavailable", "warning",
         "warning: client store unavailable: disk full; for 60 s now, tried 7 times; until it "
         "works, clients that pass are remembered in memory: check its file and disk",
         R"("reason":"disk full","failures":7,"after_seconds":60)",
         R"(reason="disk full" failures=7 after_seconds=60)"},
        {store_restored{"/var/a", seconds{61}, 1}, "store_restored", "info",
         "client store /var/a works again after 61 s; 1 record waited in memory for it",
         R"("path":"/var/a","after_seconds":61,"records":1)",
         "path=/var/a after_seconds=61 records=1"},
        {store_moved_aside{"/var/a", "/var/a.bad", "wrong version"}, "store_moved_aside", "warning",
         "warning: client store /var/a is unusable (wrong version): moved to /var/a.bad and "
         "started empty; delete that file when nobody needs it",
         R"("path":"/var/a","to":"/var/a.bad","reason":"wrong version")",
         R"(path=/var/a to=/var/a.bad reason="wrong version")"},
        {store_swept{12, 3}, "store_swept", "info",
         "cache clients full cleanup: retained=12 dropped=3 entries",
         R"("retained":12,"dropped":3)", "retained=12 dropped=3"},
    };
}

std::vector<any_event> with_text(std::string_view text)
{
    return {store_unavailable{text}, store_restored{text, {}, 1},
            store_moved_aside{text, text, text}};
}

} // namespace

TEST_CASE("store events: each has its exact line in every format", "[event]")
{
    check_rows(store_events{}, rows());
}

TEST_CASE("store events: no octet of any text can break or forge a line in any format", "[event]")
{
    check_texts(rows(), with_text);
}

} // namespace fendmail::event

// SPDX-License-Identifier: Apache-2.0
#include "all.hpp"

#include "fendmail/app/config/sections/limits.hpp"

namespace fendmail::app {

namespace {

class grey_builder : section_builder {
public:
    explicit grey_builder(const section_builder& from)
        : section_builder{from}
    {
    }
    void build();
};

void grey_builder::build()
{
    const auto& rules = out_.runtime.grey;
    const auto& screening = out_.runtime.screening;
    if (rules.window <= rules.delay)
        error(written(get("grey", "window"), get("grey", "delay")), "grey.window",
              "it must be longer than grey.delay, or no client could come back in time");
    if (screening.grey_threshold == 0) return;
    const auto where = get("grey", "threshold").where;
    if (screening.grey_threshold >= screening.dnsbl_threshold)
        problems_.warning(where, "grey.threshold: a score of dnsbl.threshold is refused, so no "
                                 "client is ever asked to come back; write a smaller one here");
    if (!screening.tests[screen::test::dnsbl].enabled)
        problems_.warning(where, "grey.threshold: no list is asked, so no client has a score");
}

} // namespace

const section_source grey_section{
    {"grey", "Suspects, whose score is not enough to refuse them, are asked to come back."},
    [](section_rows& keys) {
        keys.add("threshold", [](runtime_config& c) -> auto& { return c.screening.grey_threshold; },
                 {.doc = "From this score on, and below dnsbl.threshold, every recipient gets a "
                         "450; when a client of the same network comes back, it passes. 0 = off. "
                         "How large a network is, [rates] says.",
                  .example = "1",
                  .max = 1000});
        keys.add("delay", [](runtime_config& c) -> auto& { return c.grey.delay; },
                 {.doc = "Who comes back sooner is asked again.",
                  .min = spans::second,
                  .max = spans::day});
        keys.add("window", [](runtime_config& c) -> auto& { return c.grey.window; },
                 {.doc = "Who comes back later begins anew.",
                  .min = spans::second,
                  .max = 30 * spans::day});
        keys.add("ttl", [](runtime_config& c) -> auto& { return c.grey.ttl; },
                 {.doc = "How long a network that came back is not asked again, from the last time "
                         "that one of its clients came.",
                  .min = spans::second,
                  .max = spans::ttl_max});
    },
    build_with<grey_builder>,
};

} // namespace fendmail::app

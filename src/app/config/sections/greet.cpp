// SPDX-License-Identifier: Apache-2.0
#include "all.hpp"

namespace fendmail::app {

namespace {

class greet_builder : section_builder {
public:
    explicit greet_builder(const section_builder& from)
        : section_builder{from}
    {
    }

    void build()
    {
        screen::policy& policy = out_.runtime.screening;
        policy.tests[screen::test::pregreet].enabled = policy.greet_wait > seconds{0};
        const text_item& banner = text("greet", "banner");
        out_.runtime.teaser =
            banner.text.empty() ? fmt::format("{} ESMTP", out_.runtime.hostname) : banner.text;
        check_banner(banner, "greet.banner");
    }
};

screen::test_policy& test_of(runtime_config& c)
{
    return c.screening.tests[screen::test::pregreet];
}

} // namespace

const section_source greet_section{
    {"greet", "The pregreet test: a client that speaks before its turn fails."},
    [](section_rows& keys) {
        keys.built("banner", key_type::text, R"("")",
                   {.doc = "The teaser text behind \"220-\"; \"\" = hostname and \"ESMTP\".",
                    .example = R"("mx1.example.org is pleased to meet you")"});
        keys.add(
            "wait", [](runtime_config& c) -> auto& { return c.screening.greet_wait; },
            {.doc = "How long a client has to be silent before it gets the final 220 line; \"0s\" "
                    "turns the test off.",
             .max = 5 * spans::minute});
        keys.add("wait_under_stress",
                 [](runtime_config& c) -> auto& { return c.screening.greet_wait_under_stress; },
                 {.doc = "The same while there are many clients (see limits.screening).",
                  .max = 5 * spans::minute});
        keys.add("action", [](runtime_config& c) -> auto& { return test_of(c).on_failure; },
                 {.doc = "What happens to a client that spoke before its turn."});
        keys.add("ttl", [](runtime_config& c) -> auto& { return test_of(c).ttl; },
                 {.doc = "How long a pass of this test lasts.",
                  .min = spans::second,
                  .max = spans::ttl_max});
    },
    build_with<greet_builder>,
};

} // namespace fendmail::app

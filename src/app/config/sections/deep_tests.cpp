// SPDX-License-Identifier: Apache-2.0
#include "all.hpp"

// [pipelining], [non_smtp_command] and [bare_newline], and [deep], which is about all of them.
namespace fendmail::app {

namespace {

/// The keys that each deep test has.
template <screen::test Test>
void describe_test(section_rows& keys)
{
    keys.add("enable", [](runtime_config& c) -> auto& { return c.screening.tests[Test].enabled; },
             {.doc = "Run this test."});
    keys.add("action",
             [](runtime_config& c) -> auto& { return c.screening.tests[Test].on_failure; },
             {.doc = "What happens to a client that fails."});
    keys.add("ttl", [](runtime_config& c) -> auto& { return c.screening.tests[Test].ttl; },
             {.doc = "How long a pass of this test lasts.",
              .min = spans::second,
              .max = spans::ttl_max});
}

class forbidden_builder : section_builder {
public:
    explicit forbidden_builder(const section_builder& from)
        : section_builder{from}
    {
    }

    void build()
    {
        for (const text_item& item : get("non_smtp_command", "forbidden").texts)
            if (const auto added = out_.runtime.dialog.forbidden.add(item.text); !added)
                error(item, "non_smtp_command.forbidden", added.error());
    }
};

} // namespace

const section_source pipelining_section{
    {"pipelining", "Deep test: commands sent before our reply, though not offered."},
    describe_test<screen::test::pipelining>,
};

const section_source non_smtp_command_section{
    {"non_smtp_command", "Deep test: commands that belong to other protocols."},
    [](section_rows& keys) {
        describe_test<screen::test::non_smtp_command>(keys);
        keys.built("forbidden", key_type::text_list, R"(["CONNECT", "GET", "POST"])",
                   {.doc = "Commands that fail the test, besides lines that look like a mail "
                           "header: verbs, or "
                           "/pattern/ with a regular expression (RE2) for them; both ignore case.",
                    .example = R"(["CONNECT", "GET", "POST", "/^[^A-Z]/"])",
                    .has_dollars = true});
    },
    build_with<forbidden_builder>,
};

const section_source bare_newline_section{
    {"bare_newline", "Deep test: lines that end in LF without CR."},
    describe_test<screen::test::bare_newline>,
};

const section_source deep_section{
    {"deep", "What follows when a client passed the deep tests."},
    [](section_rows& keys) { keys.add_part(&runtime_config::deep); },
};

} // namespace fendmail::app

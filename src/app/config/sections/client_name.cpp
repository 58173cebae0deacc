// SPDX-License-Identifier: Apache-2.0
#include "all.hpp"

#include <algorithm>

namespace fendmail::app {

namespace {

class client_name_builder : section_builder {
public:
    explicit client_name_builder(const section_builder& from)
        : section_builder{from}
    {
    }
    void build();

private:
    void own_names();
};

void client_name_builder::build()
{
    const dnsbl::name_weights& weights = out_.runtime.screening.names;
    own_names();

    auto& tests = out_.runtime.screening.tests;
    if (weights.ask_dns()) tests[screen::test::dnsbl].enabled = true;
    const bool any_deep = std::ranges::any_of(screen::all_tests, [&](screen::test t) {
        return !screen::is_early(t) && tests[t].enabled;
    });
    if (weights.own_helo != 0 && !any_deep)
        problems_.warning(get("client_name", "own_helo").where,
                          "client_name.own_helo: clients say HELO to us only while a deep test is "
                          "due, and none is on; enable one, such as pipelining");
}

void client_name_builder::own_names()
{
    constexpr std::string_view name = "client_name.own_names";
    smtp::own_names& own = out_.runtime.dialog.own_names;
    own.add(out_.runtime.hostname);
    for (const text_item& item : get("client_name", "own_names").texts) {
        const bool is_name = !item.text.empty() && is_reply_text(item.text) &&
                             item.text.find_first_of(" []") == std::string::npos;
        if (is_name)
            own.add(item.text);
        else
            found(item, name, "write a name or an address, without brackets");
    }
}

} // namespace

const section_source client_name_section{
    {"client_name",
     "What the name of a client adds to the score of the lists; all off by default."},
    [](section_rows& keys) {
        keys.add(
            "no_ptr", [](runtime_config& c) -> auto& { return c.screening.names.no_ptr; },
            {.doc = "Weight of a client whose address has no name in DNS (no PTR record); 0 = off.",
             .max = 1000});
        keys.add("unconfirmed_ptr",
                 [](runtime_config& c) -> auto& { return c.screening.names.unconfirmed_ptr; },
                 {.doc =
                      "Weight of a client whose address has names, none of which has the address; "
                      "0 = off.",
                  .max = 1000});
        keys.add(
            "own_helo", [](runtime_config& c) -> auto& { return c.screening.names.own_helo; },
            {.doc = "Weight of a client that says HELO with our own name, or with the address it "
                    "connected to; 0 = off. Seen in our own dialog only, so it needs a deep test.",
             .max = 1000});
        keys.built("own_names", key_type::text_list, "[]",
                   {.doc = "For `own_helo`: names and addresses that are ours besides "
                           "`server.hostname`, such "
                           "as the public address in front of a NAT.",
                    .example = R"(["mail.example.org", "192.0.2.1"])"});
        keys.add_part(&runtime_config::client_name);
    },
    build_with<client_name_builder>,
};

} // namespace fendmail::app

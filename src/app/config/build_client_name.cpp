// SPDX-License-Identifier: Apache-2.0
#include "builder.hpp"

#include "fendmail/core/limits.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace fendmail::app {

void builder::client_name()
{
    dnsbl::name_weights& weights = out_.runtime.screening.names;
    weights.no_ptr = number<int>("client_name", "no_ptr");
    weights.unconfirmed_ptr = number<int>("client_name", "unconfirmed_ptr");
    weights.own_helo = number<int>("client_name", "own_helo");
    out_.runtime.client_name_timeout = span("client_name", "timeout");
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

void builder::own_names()
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

} // namespace fendmail::app

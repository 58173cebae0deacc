// SPDX-License-Identifier: Apache-2.0
#include "all.hpp"
#include "fendmail/core/limits.hpp"
#include "fendmail/core/spf/domain.hpp"

#include <algorithm>

namespace fendmail::app {

namespace {

class senders_builder : section_builder {
public:
    explicit senders_builder(const section_builder& from)
        : section_builder{from}
    {
    }
    void build();
};

void senders_builder::build()
{
    constexpr std::string_view name = "known_senders.spf";
    known_senders_options& options = out_.runtime.known_senders;
    const setting& domains = get("known_senders", "spf");
    for (const text_item& item : domains.texts) {
        const auto domain = spf::parse_domain(item.text);
        if (!domain)
            error(item, name, domain.error());
        else if (std::ranges::find(options.domains, *domain) != options.domains.end())
            found(item, name, "the same domain twice");
        else
            options.domains.push_back(*domain);
    }
    if (domains.texts.size() > limits::known_senders)
        error(domains.where, name,
              fmt::format("at most {} domains can be looked up, found {}", limits::known_senders,
                          domains.texts.size()));
}

} // namespace

const section_source senders_section{
    {"known_senders",
     "Addresses of senders that nobody would block, from the SPF records of their domains."},
    [](section_rows& keys) {
        keys.built(
            "spf", key_type::text_list, "[]",
            {.doc =
                 "Domains of big mail providers: the addresses that their SPF records permit, "
                 "whoever the sender is, are not screened. [] = off. An access rule that matches "
                 "comes first.",
             .example = R"(["gmail.com", "outlook.com", "yahoo.com"])"});
        keys.add("skip", [](runtime_config& c) -> auto& { return c.screening.known_senders; },
                 {.doc = "What their clients are spared: all tests, as if a rule permitted them, "
                         "or the deep "
                         "tests alone."});
        keys.add("refresh", [](runtime_config& c) -> auto& { return c.known_senders.refresh; },
                 {.doc = "How often the records are looked up; not before their TTL has passed, at "
                         "most one "
                         "day. A reload and a start look them up at once.",
                  .min = 5 * 60'000,
                  .max = 30 * 86'400'000LL});
        keys.add("max_age", [](runtime_config& c) -> auto& { return c.known_senders.max_age; },
                 {.doc = "A domain whose record could not be looked up for so long is warned of "
                         "once a day; "
                         "its addresses stay in use.",
                  .min = 3'600'000,
                  .max = 3650 * 86'400'000LL});
    },
    build_with<senders_builder>,
};

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#include "builder.hpp"

#include "fendmail/core/limits.hpp"
#include "fendmail/core/spf/domain.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace fendmail::app {

void builder::known_senders()
{
    constexpr std::string_view name = "known_senders.spf";
    known_senders_options& options = out_.runtime.known_senders;
    options.refresh = whole_seconds("known_senders", "refresh");
    options.max_age = whole_seconds("known_senders", "max_age");
    out_.runtime.screening.known_senders = number<screen::exemption>("known_senders", "skip");
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

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#include "builder.hpp"
#include "fendmail/app/config/countable.hpp"

#include <fmt/format.h>

// What may be meant, but is mostly a mistake that nobody notices.
namespace fendmail::app {

void builder::sites_without_effect()
{
    for (const text_item& site : get("dnsbl", "sites").texts)
        if (!can_count(site.text))
            problems_.warning(site.where,
                              fmt::format("dnsbl.sites: no answer that counts matches this filter "
                                          "(127.0.0.1, 127.255.255.x, what is outside 127.0.0.0/8, "
                                          "and a list's own error answers do not); it never adds "
                                          "its weight (found {})",
                                          in_quotes(site.written)));
}

} // namespace fendmail::app

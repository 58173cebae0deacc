// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/dns/name_server.hpp"
#include "fendmail/core/dnsbl/answer_rules.hpp"
#include "fendmail/core/dnsbl/filter.hpp"
#include "fendmail/core/dnsbl/known_lists.hpp"
#include "fendmail/core/result.hpp"
#include "fendmail/core/throttle/budget.hpp"
#include "fendmail/core/time.hpp"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The DNSBL sites of the configuration: "zone[=filter][*weight]".
///
/// Source: postscreen_dnsbl_sites; zones follow RFC 1123 §2.1 host names, with underscores inside
/// labels; short enough that the name of an IPv6 query fits (RFC 5782 §2.4).
/// Errors: `empty_zone`, `bad_zone`, `bad_filter`, `bad_weight`.
/// Threads: immutable once built; shared by all workers.
namespace fendmail::dnsbl {

struct site {
    std::string zone; ///< lower case, no trailing dot
    filter wanted;    ///< matches everything when the text has none
    int weight = 1;
};

[[nodiscard]] result<site> parse_site(std::string_view text);
/// A zone alone, in the form in which zones are compared: lower case, no trailing dot.
[[nodiscard]] result<std::string> parse_zone(std::string_view text);

/// All sites of a configuration; a zone that stands in several sites is asked once.
struct site_set {
    struct scored_filter {
        dnsbl::filter wanted;
        int weight = 1;
        friend bool operator==(const scored_filter&, const scored_filter&) = default;
    };
    struct zone_entry {
        std::string zone;       ///< what is asked
        std::string reply_name; ///< what clients are told; equals `zone` unless mapped
        std::vector<scored_filter> sites;
        answer_rules answers{};                 ///< built in; the configuration adds to it
        test_entry entry = test_entry::unknown; ///< the same
        bool lists_loopback = false;            ///< that it lists 127.0.0.0/8 is no sign of trouble
        dns::server_list resolvers{};           ///< its own; empty = those of all zones
        std::optional<milliseconds> timeout{};  ///< of its answer; none = as for all zones
        std::optional<budget> max_questions{};  ///< to it, of all clients; none = no limit
        bool asks_private = false;              ///< it knows addresses that no public list can know

        friend bool operator==(const zone_entry&, const zone_entry&) = default;
    };
    std::vector<zone_entry> zones; ///< in order of first appearance

    [[nodiscard]] bool empty() const noexcept { return zones.empty(); }
    friend bool operator==(const site_set&, const site_set&) = default;
};

/// @param reply_names zone → name shown to clients; keys are matched without regard to case
[[nodiscard]] site_set make_site_set(const std::vector<site>& sites,
                                     const std::map<std::string, std::string>& reply_names);

} // namespace fendmail::dnsbl

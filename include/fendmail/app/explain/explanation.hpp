// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/config.hpp"
#include "fendmail/core/acl/client_origin.hpp"
#include "fendmail/core/address.hpp"
#include "fendmail/core/dnsbl/client_name.hpp"
#include "fendmail/core/dnsbl/scoreboard.hpp"
#include "fendmail/core/screen/client_record.hpp"
#include "fendmail/core/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Why a client would be let through or not, if it came now: what is known of it, and what the
/// screener makes of that.
///
/// Units: wall time of passes; milliseconds that a list took.
/// Memory: a few hundred octets and the texts.
/// Errors: none; what could not be found out says so.
/// Threads: values.
namespace fendmail::app {

/// What one list said.
struct list_opinion {
    std::string list;                 ///< its name for replies; the zone may hold a key
    std::vector<std::string> answers; ///< addresses, each with what it is: "127.0.0.2 listing"
    std::string meaning;              ///< "listed", "not listed", "not asked: …", "failed: …"
    int weight = 0;                   ///< what it adds to the score
    milliseconds took{0};
};

/// A feed that the client is in, or what its country or AS adds.
struct feed_opinion {
    std::string name; ///< "feed.drop", "country:XX"
    std::string use;  ///< "score", "permit", "reject"
    int weight = 0;
};

/// How far a stored pass of one test reaches.
struct pass_state {
    std::string_view test;
    bool is_enabled = false;
    bool is_passed = false;
    std::optional<instant> until; ///< none = never passed
};

struct explanation {
    ip_address client;
    std::string rule;          ///< of the access list, as written; "" = none matches
    std::string rule_place;    ///< "/etc/fendmail/deny.cidr:12", "default"; "" = not known
    bool is_permitted = false; ///< what the rule says
    std::string sender;        ///< the known sender whose SPF record names it; "" = none
    std::optional<std::string> recipient{}; ///< the name of a host that takes our mail
    acl::client_origin origin;              ///< as far as databases know it
    std::vector<feed_opinion> feeds;
    std::string feed_name; ///< of the one that clients are told of
    std::string store;     ///< why the store could not be asked; "" = it could
    std::optional<screen::client_record> record;
    std::vector<pass_state> passes; ///< of the record; empty when there is none
    std::vector<list_opinion> lists;
    dnsbl::score score;
    dnsbl::name_finding name;
    int name_weight = 0;

    std::string verdict; ///< one word: "allowlisted", "pass_old", "pass_new", "rejected", …
    std::string words;   ///< the same as a sentence, with the reason
};

/// Fills in passes, verdict and words by what the rest says, and adds what feeds weigh to the
/// score.
void conclude(explanation& about, const runtime_config& config, instant now);

/// A table for people.
[[nodiscard]] std::string to_table(const explanation& about);
/// One object (RFC 8259).
[[nodiscard]] std::string to_json(const explanation& about);

} // namespace fendmail::app

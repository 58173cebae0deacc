// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/event/event.hpp"

#include <string>
#include <vector>

namespace fendmail::event {

inline const endpoint client{ip_address::v4({192, 0, 2, 1}), 12345};

/// One event and what the three formats make of it. `fields` is JSON without what all events
/// share; logfmt is derived from `logfmt` in the same way.
struct row {
    any_event what;
    const char* name;
    const char* level;
    std::string phrase;
    std::string fields;
    std::string logfmt;
};

inline constexpr auto from_json = R"("client":"192.0.2.1","client_port":12345)";
inline constexpr auto from_logfmt = "client=192.0.2.1 client_port=12345";

inline std::string json(const char* rest)
{
    return std::string{from_json} + rest;
}

inline std::string logfmt(const char* rest)
{
    return std::string{from_logfmt} + rest;
}

/// Of names of clients.
inline std::vector<row> client_name_rows()
{
    return {
        {client_name_counted{client, "no_ptr", 1, ""}, "client_name_counted", "info",
         "CLIENT NAME no_ptr weight 1 for [192.0.2.1]:12345",
         json(R"(,"signal":"no_ptr","weight":1,"text":"")"),
         logfmt(R"( signal=no_ptr weight=1 text="")")},
        {client_name_counted{client, "own_helo", 2, "mx1\r\n"}, "client_name_counted", "info",
         R"(CLIENT NAME own_helo weight 2 for [192.0.2.1]:12345: mx1\r\n)",
         json(R"(,"signal":"own_helo","weight":2,"text":"mx1\\r\\n")"),
         logfmt(R"( signal=own_helo weight=2 text="mx1\\r\\n")")},
    };
}

/// Of known senders.
inline std::vector<row> sender_rows()
{
    using screen::exemption;
    return {
        {known_sender{client, "gmail.com", exemption::all}, "known_sender", "info",
         "KNOWN SENDER [192.0.2.1]:12345 gmail.com", json(R"(,"domain":"gmail.com","skip":"all")"),
         logfmt(" domain=gmail.com skip=all")},
        {known_sender{client, "gmail.com", exemption::deep}, "known_sender", "info",
         "KNOWN SENDER [192.0.2.1]:12345 gmail.com", json(R"(,"domain":"gmail.com","skip":"deep")"),
         logfmt(" domain=gmail.com skip=deep")},
        {sender_loaded{"gmail.com", 12, seconds{11100}}, "sender_loaded", "info",
         "known sender gmail.com: 12 networks, 3h 5m old",
         R"("domain":"gmail.com","networks":12,"age_seconds":11100)",
         "domain=gmail.com networks=12 age_seconds=11100"},
        {sender_refreshed{"gmail.com", 12, true}, "sender_refreshed", "info",
         "known sender gmail.com: 12 networks, refreshed, changed",
         R"("domain":"gmail.com","networks":12,"changed":true)",
         "domain=gmail.com networks=12 changed=true"},
        {sender_refreshed{"gmail.com", 12, false}, "sender_refreshed", "info",
         "known sender gmail.com: 12 networks, refreshed, unchanged",
         R"("domain":"gmail.com","networks":12,"changed":false)",
         "domain=gmail.com networks=12 changed=false"},
        {sender_not_refreshed{"gmail.com", "TXT of gmail.com: SERVFAIL", 12, seconds{11100}},
         "sender_not_refreshed", "warning",
         "warning: known sender gmail.com not refreshed: TXT of gmail.com: SERVFAIL; its 12 "
         "networks, 3h 5m old, stay in use",
         R"("domain":"gmail.com","reason":"TXT of gmail.com: SERVFAIL","networks":12,)"
         R"("age_seconds":11100)",
         R"(domain=gmail.com reason="TXT of gmail.com: SERVFAIL" networks=12 age_seconds=11100)"},
        {sender_not_refreshed{"a.test", "a.test has no SPF record", 0, seconds{0}},
         "sender_not_refreshed", "warning",
         "warning: known sender a.test not refreshed: a.test has no SPF record; it has no "
         "networks",
         R"("domain":"a.test","reason":"a.test has no SPF record","networks":0,"age_seconds":0)",
         R"(domain=a.test reason="a.test has no SPF record" networks=0 age_seconds=0)"},
        {sender_partial{"a.test", "\"ptr\" of a.test is not expanded"}, "sender_partial", "warning",
         "warning: known sender a.test: a part of its SPF record is not used: \"ptr\" of a.test "
         "is not expanded",
         R"("domain":"a.test","notes":"\"ptr\" of a.test is not expanded")",
         R"(domain=a.test notes="\"ptr\" of a.test is not expanded")"},
        {sender_outdated{"a.test", 3, seconds{15 * 86400}}, "sender_outdated", "warning",
         "warning: known sender a.test: its 3 networks are 15d old and stay in use: check why its "
         "SPF record cannot be had, or take it out of known_senders.spf",
         R"("domain":"a.test","networks":3,"age_seconds":1296000)",
         "domain=a.test networks=3 age_seconds=1296000"},
    };
}

} // namespace fendmail::event

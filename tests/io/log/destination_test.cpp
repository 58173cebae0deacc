// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/log/destination.hpp"
#include "support/catch.hpp"

using namespace fendmail::io;
using kind = log_destination::kind;

TEST_CASE("log destination: each is read from its text and gives it again", "[io][log]")
{
    struct row {
        const char* text;
        log_destination destination;
    };
    static const row rows[] = {
        {"stderr", {kind::standard_error, {}}},
        {"syslog", {kind::syslog, {}}},
        {"journald", {kind::journald, {}}},
        {"file:/var/log/f.log", {kind::file, "/var/log/f.log"}},
    };
    for (const row& r : rows) {
        CAPTURE(r.text);
        const auto got = parse_log_destination(r.text);
        REQUIRE(got);
        CHECK((*got == r.destination));
        CHECK(to_text(*got) == r.text);
    }
}

TEST_CASE("log destination: other texts are none", "[io][log]")
{
    for (const char* const text :
         {"", "nowhere", "Syslog", "/var/log/f.log", "file:", "file:f.log"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_log_destination(text));
    }
}

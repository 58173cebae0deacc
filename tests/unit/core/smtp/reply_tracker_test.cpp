// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/reply_tracker.hpp"

#include "fendmail/core/limits.hpp"
#include "support/catch.hpp"

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

using namespace fendmail;
using smtp::reply_event;

namespace fendmail::smtp {
std::ostream& operator<<(std::ostream& out, reply_event e)
{
    return out << to_string(e);
}
} // namespace fendmail::smtp

namespace {

/// "c250 x+" for a code, the end of a reply, and its keyword; "bad@3" for an octet that is none.
std::string course_of(std::string_view octets)
{
    smtp::reply_tracker tracker;
    std::string out;
    for (std::size_t i = 0; i < octets.size(); ++i) {
        switch (tracker.take(octets[i])) {
        case reply_event::more: break;
        case reply_event::code: out += std::to_string(tracker.code()); break;
        case reply_event::complete:
            out += tracker.names_chunking() ? "+CHUNKING;" : ";";
            CHECK_FALSE(tracker.is_under_way());
            break;
        case reply_event::bad: return out + " bad@" + std::to_string(i);
        case reply_event::too_long: return out + " too_long@" + std::to_string(i);
        }
    }
    return out + (tracker.is_under_way() ? "..." : "");
}

} // namespace

TEST_CASE("reply tracker: codes and ends of replies", "[smtp]")
{
    CHECK(course_of("") == "");
    CHECK(course_of("250 ok\r\n") == "250;");
    CHECK(course_of("250 ok\n") == "250;");
    CHECK(course_of("250\r\n") == "250;");
    CHECK(course_of("250\n") == "250;");
    CHECK(course_of("250 \r\n") == "250;");
    CHECK(course_of("250 a\r\n354 b\r\n421 c\r\n") == "250;354;421;");
    CHECK(course_of("250-a\r\n250-\r\n250 b\r\n550 c\r\n") == "250;550;");
    CHECK(course_of("250-250 a\r\n250 354\r\n") == "250;");
    CHECK(course_of("25") == "...");
    CHECK(course_of("250 o") == "250...");
    CHECK(course_of("250-a\r\n") == "250...");
    CHECK(course_of("250-a\r\n250") == "250...");
}

TEST_CASE("reply tracker: what is no reply", "[smtp]")
{
    CHECK(course_of("hello\r\n") == " bad@0");
    CHECK(course_of("\r\n") == " bad@0");
    CHECK(course_of("150 a\r\n") == " bad@0");
    CHECK(course_of("650 a\r\n") == " bad@0");
    CHECK(course_of("2x0 a\r\n") == " bad@1");
    CHECK(course_of("25\r\n") == " bad@2");
    CHECK(course_of("2500 a\r\n") == "250 bad@3");
    CHECK(course_of("250+a\r\n") == "250 bad@3");
    CHECK(course_of("250-a\r\n251 b\r\n") == "250 bad@9");
    CHECK(course_of("250-a\r\nb\r\n") == "250 bad@7");
    CHECK(course_of("250 a\r\n\r\n") == "250; bad@7");
}

TEST_CASE("reply tracker: CHUNKING is a keyword of any line but the first", "[smtp]")
{
    CHECK(course_of("250-me\r\n250 CHUNKING\r\n") == "250+CHUNKING;");
    CHECK(course_of("250-me\r\n250-chunking\r\n250 DSN\r\n") == "250+CHUNKING;");
    CHECK(course_of("250-me\n250-Chunking\n250 DSN\n") == "250+CHUNKING;");
    CHECK(course_of("250-me\r\n250-CHUNKING x\r\n250 DSN\r\n") == "250+CHUNKING;");
    CHECK(course_of("250-CHUNKING\r\n250 DSN\r\n") == "250;");
    CHECK(course_of("250 CHUNKING\r\n") == "250;");
    CHECK(course_of("250-me\r\n250 CHUNKING2\r\n") == "250;");
    CHECK(course_of("250-me\r\n250 CHUNKIN\r\n") == "250;");
    CHECK(course_of("250-me\r\n250 XCHUNKING\r\n") == "250;");
    CHECK(course_of("250-me\r\n250 DSN CHUNKING\r\n") == "250;");
    CHECK(course_of("250-me\r\n250\r\n") == "250;");
    CHECK(course_of("250-me\r\n250 CHUNKING\r\n250 me\r\n") == "250+CHUNKING;250;");
}

TEST_CASE("reply tracker: a reply without end is too long", "[smtp]")
{
    const std::string endless = "250-" + std::string(limits::relayed_reply_octets, 'x');
    CHECK(course_of(endless) == "250 too_long@" + std::to_string(limits::relayed_reply_octets));

    std::string lines;
    while (lines.size() < limits::relayed_reply_octets)
        lines += "250-a\r\n";
    CHECK(course_of(lines + "250 a\r\n") ==
          "250 too_long@" + std::to_string(limits::relayed_reply_octets));

    // It is about one reply: many of them may follow each other.
    std::string many;
    std::string want;
    for (int i = 0; i < 20000; ++i) {
        many += "250 ok\r\n";
        want += "250;";
    }
    CHECK(course_of(many) == want);
}

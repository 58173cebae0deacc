// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/line_reader.hpp"

#include "support/catch.hpp"

#include <string>
#include <string_view>
#include <vector>

using namespace fendmail;
using namespace std::string_literals;

namespace {

struct seen_line {
    std::string text;
    bool bare_lf = false;
    bool bare_cr = false;
    bool has_nul = false;
    bool too_long = false;
    friend bool operator==(const seen_line&, const seen_line&) = default;
};

std::ostream& operator<<(std::ostream& out, const seen_line& line)
{
    return out << '"' << line.text << '"' << (line.bare_lf ? " bare_lf" : "")
               << (line.bare_cr ? " bare_cr" : "") << (line.has_nul ? " nul" : "")
               << (line.too_long ? " too_long" : "");
}

struct outcome {
    std::vector<seen_line> lines;
    std::string partial;
    bool overflowed = false;
};

outcome read_all(std::size_t max_text, const std::vector<std::string>& pieces)
{
    smtp::line_reader reader{max_text};
    outcome out;
    for (const std::string& piece : pieces) {
        reader.feed(piece);
        while (const auto line = reader.next())
            out.lines.push_back({std::string{line->text}, line->bare_lf, line->bare_cr,
                                 line->has_nul, line->too_long});
        CHECK(reader.unread().empty());
    }
    out.partial = reader.partial();
    out.overflowed = reader.overflowed();
    return out;
}

struct row {
    const char* title;
    std::string input;
    std::size_t max_text = 10;
    std::vector<seen_line> want;
    std::string want_partial = {};
    bool want_overflowed = false;
};

const std::vector<row>& rows()
{
    static const std::vector<row> all{
        {"an empty input has no line", "", 10, {}},
        {"<CRLF> ends a line", "QUIT\r\n", 10, {{.text = "QUIT"}}},
        {"a bare <LF> ends a line and is flagged",
         "QUIT\n",
         10,
         {{.text = "QUIT", .bare_lf = true}}},
        {"empty lines are lines", "\r\n\n", 10, {{.text = ""}, {.text = "", .bare_lf = true}}},
        {"faults of a line are not those of the next",
         "a\rb\0\nc\r\n"s,
         10,
         {{.text = "a\rb\0"s, .bare_lf = true, .bare_cr = true, .has_nul = true}, {.text = "c"}}},
        {"a <CR> inside stays and is flagged", "a\rb\r\n", 10, {{.text = "a\rb", .bare_cr = true}}},
        {"only the last <CR> belongs to the ending",
         "a\r\r\n",
         10,
         {{.text = "a\r", .bare_cr = true}}},
        {"a line in pieces is kept", "NOOP\r\nQU", 10, {{.text = "NOOP"}}, "QU"},
        {"a line of max_text is not too long", "0123456789\r\n", 10, {{.text = "0123456789"}}},
        {"nor with a bare <LF>", "0123456789\n", 10, {{.text = "0123456789", .bare_lf = true}}},
        {"one octet more is", "0123456789a\r\n", 10, {{.text = "0123456789", .too_long = true}}},
        {"one octet more before a bare <LF> is",
         "0123456789a\nx\r\n",
         10,
         {{.text = "0123456789", .bare_lf = true, .too_long = true}, {.text = "x"}}},
        {"a <CR> behind max_text may belong to the ending", "0123456789\r", 10, {}, "0123456789"},
        {"two of them may not", "0123456789\r\r", 10, {}, "0123456789", true},
        {"a <CR> too many makes a line too long",
         "0123456789\r\r\n",
         10,
         {{.text = "0123456789", .bare_cr = true, .too_long = true}}},
        {"an octet behind the <CR> does too", "0123456789\rx", 10, {}, "0123456789", true},
        {"max_text without an end is waited for", "0123456789", 10, {}, "0123456789"},
        {"more than that has overflowed", "0123456789a", 10, {}, "0123456789", true},
        {"dropped octets are still looked at",
         "0123456789\0\rx\r\n"s,
         10,
         {{.text = "0123456789", .bare_cr = true, .has_nul = true, .too_long = true}}},
        {"octets above 127 are text", "\xff\xc3\xa4\r\n", 10, {{.text = "\xff\xc3\xa4"}}},
        {"a reader of no text takes empty lines",
         "\r\n\n",
         0,
         {{.text = ""}, {.text = "", .bare_lf = true}}},
        {"a reader of no text takes no octet", "x", 0, {}, "", true},
    };
    return all;
}

void check(const row& want, const std::vector<std::string>& pieces)
{
    const outcome got = read_all(want.max_text, pieces);
    CHECK(got.lines == want.want);
    CHECK(got.partial == want.want_partial);
    CHECK(got.overflowed == want.want_overflowed);
}

} // namespace

TEST_CASE("line reader: lines and their faults do not depend on how octets arrive", "[smtp]")
{
    for (const row& r : rows()) {
        CAPTURE(r.title);
        check(r, {r.input});
        for (std::size_t a = 0; a <= r.input.size(); ++a) {
            for (std::size_t b = a; b <= r.input.size(); ++b) {
                CAPTURE(a, b);
                check(r, {r.input.substr(0, a), r.input.substr(a, b - a), r.input.substr(b)});
            }
        }
    }
}

TEST_CASE("line reader: octets behind a line can be seen before they are taken", "[smtp]")
{
    smtp::line_reader reader{100};
    reader.feed("MAIL\r\nRCPT\r\nDA");
    REQUIRE(reader.next());
    CHECK(reader.unread() == "RCPT\r\nDA");
    CHECK(reader.partial().empty());
    REQUIRE(reader.next());
    CHECK(reader.unread() == "DA");
    CHECK_FALSE(reader.next());
    CHECK(reader.unread().empty());
    CHECK(reader.partial() == "DA");
}

TEST_CASE("line reader: a line that was returned is no longer under way", "[smtp]")
{
    smtp::line_reader reader{4};
    reader.feed("overl");
    CHECK_FALSE(reader.next());
    CHECK(reader.overflowed());
    reader.feed("ong\r\n");
    REQUIRE(reader.next());
    CHECK(reader.partial().empty());
    CHECK_FALSE(reader.next());
    CHECK_FALSE(reader.overflowed());
}

TEST_CASE("line reader: what a client sends without an end is dropped, not stored", "[smtp]")
{
    for (const char octet : {'\r', '\0', 'x', '\xff'}) {
        CAPTURE(static_cast<int>(octet));
        smtp::line_reader reader{512};
        const std::string chunk(100'000, octet);
        for (int i = 0; i < 100; ++i) {
            reader.feed(chunk);
            CHECK_FALSE(reader.next());
        }
        CHECK(reader.overflowed());
        CHECK(reader.partial().size() == 512);
        reader.feed("\nQUIT\r\n");
        const auto flood = reader.next();
        REQUIRE(flood);
        CHECK(flood->too_long);
        CHECK(flood->has_nul == (octet == '\0'));
        CHECK(flood->bare_cr == (octet == '\r'));
        const auto after = reader.next();
        REQUIRE(after);
        CHECK(after->text == "QUIT");
        CHECK_FALSE(after->too_long);
    }
}

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/end_of_data.hpp"

#include "support/catch.hpp"

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

using namespace fendmail;
using namespace std::string_literals;
using smtp::data_end;
using smtp::data_next;

namespace fendmail::smtp {
std::ostream& operator<<(std::ostream& out, data_next n)
{
    return out << to_string(n);
}
std::ostream& operator<<(std::ostream& out, data_end e)
{
    return out << to_string(e);
}
} // namespace fendmail::smtp

namespace {

struct taken {
    std::size_t octets = 0;
    data_next then = data_next::more;
    friend bool operator==(const taken&, const taken&) = default;
};

std::ostream& operator<<(std::ostream& out, const taken& t)
{
    return out << t.octets << ' ' << t.then;
}

/// Gives the pieces as a session does: what was not taken comes again, with the next in front.
taken take_all(const std::vector<std::string_view>& pieces)
{
    smtp::strict_end_of_data reader;
    taken out;
    std::string left;
    for (const std::string_view piece : pieces) {
        left += piece;
        const smtp::data_step step = reader.take(left);
        out.octets += step.octets;
        out.then = step.then;
        if (step.then != data_next::more) break;
        left.erase(0, step.octets);
    }
    return out;
}

std::vector<std::string_view> octets_of(std::string_view text)
{
    std::vector<std::string_view> out;
    for (std::size_t i = 0; i < text.size(); ++i)
        out.push_back(text.substr(i, 1));
    return out;
}

struct row {
    const char* title;
    std::string input;
    taken want;
};

} // namespace

TEST_CASE("end of data: only <CRLF>.<CRLF> is one, in whatever pieces it comes", "[smtp]")
{
    static const std::vector<row> rows{
        {"nothing", "", {0, data_next::more}},
        {"an empty message", ".\r\nQUIT\r\n", {3, data_next::end}},
        {"a message", "a\r\n.\r\nQUIT\r\n", {6, data_next::end}},
        {"an empty line before it", "\r\n.\r\n", {5, data_next::end}},
        {"a stuffed dot is text", "..\r\n.\r\n", {7, data_next::end}},
        {"a dot and more is text", ".a\r\n. \r\n\t.\r\n.\r\n", {15, data_next::end}},
        {"a message under way", "abc\r\nde", {7, data_next::more}},
        {"a dot under way", "abc\r\n.", {6, data_next::more}},
        {"a <CR> waits for what follows", "abc\r", {3, data_next::more}},
        {"also behind the dot", "\r\n.\r", {3, data_next::more}},
        {"a bare <LF>", "abc\ndef", {3, data_next::bare_lf}},
        {"a bare <CR>", "abc\rdef", {3, data_next::bare_cr}},
        {"at the beginning", "\n", {0, data_next::bare_lf}},
        {"<CR> at the beginning", "\rx", {0, data_next::bare_cr}},
        {"two <CR> and an <LF>", "a\r\r\n", {1, data_next::bare_cr}},
        {"<LF> behind <CRLF>", "a\r\n\n", {3, data_next::bare_lf}},
        {"the first fault counts", "a\nb\rc", {1, data_next::bare_lf}},
        {"whichever it is", "a\rb\nc", {1, data_next::bare_cr}},
        {"a fault behind the end is not looked at", ".\r\n\n\r", {3, data_next::end}},
        {"NULs are text", "\0\r\na\0b\r\n.\r\n"s, {11, data_next::end}},
        {"a NUL before the dot", "a\r\n\0.\r\n"s, {5, data_next::nul_dot}},
        {"or behind it", "a\r\n.\0\r\n"s, {5, data_next::nul_dot}},
        {"or on both sides", "\0\0.\0\r\n"s, {4, data_next::nul_dot}},
        {"not with other text", "\0.x\r\n.\0x\r\n\0..\r\n.\r\n"s, {18, data_next::end}},
        {"a NUL between <CR> and <LF>", ".\r\0\n"s, {1, data_next::bare_cr}},
        {"octets above 127 are text", "\x8d\x8a.\x8d\x8a\r\n.\r\n", {10, data_next::end}},
    };
    for (const row& r : rows) {
        CAPTURE(r.title);
        const std::string_view input = r.input;
        CHECK(take_all({input}) == r.want);
        CHECK(take_all(octets_of(input)) == r.want);
        for (std::size_t a = 0; a <= input.size(); ++a) {
            for (std::size_t b = a; b <= input.size(); ++b) {
                CAPTURE(a, b);
                CHECK(take_all({input.substr(0, a), input.substr(a, b - a), input.substr(b)}) ==
                      r.want);
            }
        }
    }
}

TEST_CASE("end of data: no other form of it passes", "[smtp]")
{
    // What stands around the dot; all pairs but <CRLF> and <CRLF>.
    static const std::vector<std::string> endings{"\n",   "\r",      "\r\n", "\r\r\n",
                                                  "\n\r", "\r\0\n"s, "\n\n"};
    int proper = 0;
    for (const std::string& before : endings) {
        for (const std::string& behind : endings) {
            const std::string input = "text" + before + "." + behind + "MAIL FROM:<>\r\n";
            CAPTURE(input);
            const taken got = take_all({input});
            if (before == "\r\n" && behind.starts_with("\r\n")) {
                ++proper;
                CHECK(got == taken{9, data_next::end});
                continue;
            }
            CHECK((got.then == data_next::bare_lf || got.then == data_next::bare_cr));
            // Of the ending that is at fault nothing has passed, so nobody has seen an end.
            CHECK(got.octets <= std::string_view{"text\r\n."}.size());
            CHECK(take_all(octets_of(input)) == got);
        }
    }
    CHECK(proper == 1);
}

namespace {

data_end lax_of(const std::vector<std::string_view>& pieces)
{
    smtp::lax_end_of_data reader;
    data_end out = data_end::none;
    for (const std::string_view piece : pieces)
        out = reader.feed(piece);
    return out;
}

struct lax_row {
    const char* title;
    std::string input;
    data_end want;
};

} // namespace

TEST_CASE("end of data: what a client may have meant for it", "[smtp]")
{
    static const std::vector<lax_row> rows{
        {"nothing", "", data_end::none},
        {"text", "a\r\nb\r\n", data_end::none},
        {"<CRLF>.<CRLF>", "a\r\n.\r\n", data_end::strict},
        {"an empty message", ".\r\n", data_end::strict},
        {"more behind it changes nothing", "a\r\n.\r\nQUIT\r\n", data_end::strict},
        {"<LF>.<LF>", "a\n.\n", data_end::lax},
        {"<LF>.<CRLF>", "a\n.\r\n", data_end::lax},
        {"<CRLF>.<LF>", "a\r\n.\n", data_end::lax},
        {"<CR>.<CR>", "a\r.\r", data_end::lax},
        {"<CR>.<CRLF>", "a\r.\r\n", data_end::lax},
        {"<CRLF>.<CR>", "a\r\n.\r", data_end::lax},
        {"<LF>.<CR>", "a\n.\r", data_end::lax},
        {"<CR>.<LF>", "a\r.\n", data_end::lax},
        {"<CR><CRLF>.<CRLF>", "a\r\r\n.\r\n", data_end::strict},
        {"a NUL before the dot", "a\r\n\0.\r\n"s, data_end::lax},
        {"a NUL behind it", "a\r\n.\0\r\n"s, data_end::lax},
        {"a NUL inside the ending", "a\r\n.\r\0\n"s, data_end::none},
        {"it was none when the message goes on", "a\n.\nb", data_end::none},
        {"even with an empty line", "a\n.\n\n", data_end::none},
        {"but it may still come", "a\n.\nb\r\n.\r\n", data_end::strict},
        {"in either way", "a\n.\nb\n.\n", data_end::lax},
        {"a stuffed dot is text", "a\n..\n", data_end::none},
        {"a dot and a blank are text", "a\r\n. \r\n", data_end::none},
    };
    for (const lax_row& r : rows) {
        CAPTURE(r.title);
        const std::string_view input = r.input;
        CHECK(lax_of({input}) == r.want);
        CHECK(lax_of(octets_of(input)) == r.want);
        for (std::size_t cut = 0; cut <= input.size(); ++cut) {
            CAPTURE(cut);
            CHECK(lax_of({input.substr(0, cut), input.substr(cut)}) == r.want);
        }
    }
}

TEST_CASE("end of data: behind a fault it is looked for where the fault was", "[smtp]")
{
    static const std::vector<lax_row> rows{
        {"in a line of text", "ab\n.\r\n", data_end::lax},
        {"in a line of text that ends well", "ab\rcd\r\n.\r\n", data_end::strict},
        {"at the dot, by <CR>", "a\r\n.\rQ", data_end::none},
        {"at the dot, by <LF>", "a\r\n.\n", data_end::lax},
        {"at the first line", "\n.\n", data_end::lax},
        {"at the first dot", ".\n", data_end::lax},
        {"at NULs around the dot", "\0.\r\n"s, data_end::lax},
        {"and in a later line", "\0.\r\na\r\n.\r\n"s, data_end::strict},
        {"at NULs alone", "\0\n.\n"s, data_end::lax},
        {"at NULs before text", "\0\ra\r\n.\r\n"s, data_end::strict},
    };
    for (const lax_row& r : rows) {
        CAPTURE(r.title);
        smtp::strict_end_of_data strict;
        const smtp::data_step step = strict.take(r.input);
        REQUIRE(step.then != data_next::more);
        REQUIRE(step.then != data_next::end);
        smtp::lax_end_of_data lax = strict.lax();
        CHECK(lax.feed(std::string_view{r.input}.substr(step.octets)) == r.want);
    }
}

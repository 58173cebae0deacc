// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/end_of_data.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <array>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

using namespace fendmail;
using namespace std::string_literals;
using smtp::data_next;
using smtp::line_ending;

namespace fendmail::smtp {
std::ostream& operator<<(std::ostream& out, line_ending e)
{
    return out << to_string(e);
}
} // namespace fendmail::smtp

namespace {

struct taken {
    std::string passed = {};
    bool has_ended = false;
    bool is_irregular = false;
    friend bool operator==(const taken&, const taken&) = default;
};

std::ostream& operator<<(std::ostream& out, const taken& t)
{
    for (const char c : t.passed)
        out << (c == '\r' ? "\\r" : c == '\n' ? "\\n" : c == '\0' ? "\\0" : std::string(1, c));
    return out << (t.has_ended ? ", ended" : "") << (t.is_irregular ? ", irregular" : "");
}

/// Gives the pieces as a session does: what was not taken comes again, with the next in front.
taken take_all(const std::vector<std::string_view>& pieces, line_ending proper = line_ending::crlf)
{
    smtp::end_of_data reader{proper};
    taken out;
    std::string left;
    for (const std::string_view piece : pieces) {
        left += piece;
        for (bool goes_on = true; goes_on;) {
            const auto step = reader.take(left);
            out.passed += left.substr(0, step.octets);
            left.erase(0, step.octets);
            if (step.then == data_next::stuff) out.passed += '.';
            if (step.then == data_next::add_cr) out.passed += '\r';
            out.has_ended = step.then == data_next::end;
            goes_on = step.then == data_next::stuff || step.then == data_next::add_cr;
        }
        if (out.has_ended) break;
    }
    out.is_irregular = reader.is_irregular();
    return out;
}

std::vector<std::string_view> octets_of(std::string_view text)
{
    std::vector<std::string_view> out;
    for (std::size_t i = 0; i < text.size(); ++i)
        out.push_back(text.substr(i, 1));
    return out;
}

void check_in_all_pieces(std::string_view input, const taken& want, line_ending proper)
{
    CHECK(take_all({input}, proper) == want);
    CHECK(take_all(octets_of(input), proper) == want);
    for (std::size_t a = 0; a <= input.size(); ++a) {
        for (std::size_t b = a; b <= input.size(); ++b) {
            CAPTURE(a, b);
            CHECK(take_all({input.substr(0, a), input.substr(a, b - a), input.substr(b)}, proper) ==
                  want);
        }
    }
}

struct row {
    const char* title;
    std::string input;
    taken want;
};

constexpr bool ended = true;
constexpr bool irregular = true;

/// What a server with these habits takes for the end, from the octets alone: its place, or npos.
std::size_t end_for(std::string octets, bool cr_ends, bool lf_ends, bool drops_nuls)
{
    std::string line;
    bool is_line = true;
    for (std::size_t i = 0; i < octets.size(); ++i) {
        const char c = octets[i];
        const bool is_crlf = c == '\n' && i > 0 && octets[i - 1] == '\r';
        const bool ends = (c == '\n' && (lf_ends || is_crlf)) || (c == '\r' && cr_ends);
        if (ends) {
            if (is_crlf && !cr_ends) line.pop_back();
            if (is_line && line == ".") return i + 1;
            line.clear();
        } else if (c != '\0' || !drops_nuls) {
            line += c;
        }
    }
    return std::string::npos;
}

} // namespace

TEST_CASE("end of data: only <CRLF>.<CRLF> is one, in whatever pieces it comes", "[smtp]")
{
    static const std::vector<row> rows{
        {"nothing", "", {""}},
        {"an empty message", ".\r\nQUIT\r\n", {".\r\n", ended}},
        {"a message", "a\r\n.\r\nQUIT\r\n", {"a\r\n.\r\n", ended}},
        {"an empty line before it", "\r\n.\r\n", {"\r\n.\r\n", ended}},
        {"a stuffed dot is text", "..\r\n.\r\n", {"..\r\n.\r\n", ended}},
        {"a dot and more is text", ".a\r\n. \r\n\t.\r\n.\r\n", {".a\r\n. \r\n\t.\r\n.\r\n", ended}},
        {"a message under way", "abc\r\nde", {"abc\r\nde"}},
        {"a dot under way", "abc\r\n.", {"abc\r\n."}},
        {"a <CR> waits for what follows", "abc\r", {"abc"}},
        {"also behind the dot", "\r\n.\r", {"\r\n."}},
        {"a bare <LF>", "abc\ndef", {"abc\ndef", !ended, irregular}},
        {"a bare <CR>", "abc\rdef", {"abc\rdef", !ended, irregular}},
        {"before text with a dot", "a\n.b\n..\r.c", {"a\n.b\n..\r.c", !ended, irregular}},
        {"before the end", "abc\r\r\n.\r\n", {"abc\r\r\n.\r\n", ended, irregular}},
        {"what is behind the end is not looked at", ".\r\n\n\r", {".\r\n", ended}},
        {"NULs in text are text", "a\0b\r\n.\r\n"s, {"a\0b\r\n.\r\n"s, ended}},
        {"a NUL before the dot", "\0.\r\n"s, {"\0..\r\n"s, !ended, irregular}},
        {"a NUL behind it", ".\0\r\n"s, {"..\0\r\n"s, !ended, irregular}},
        {"on both sides", "\0\0.\0\r\n"s, {"\0\0..\0\r\n"s, !ended, irregular}},
        {"between <CR> and <LF>", ".\r\0\n"s, {"..\r\0\n"s, !ended, irregular}},
        {"octets above 127 are text",
         "\x8d\x8a.\x8d\x8a\r\n.\r\n",
         {"\x8d\x8a.\x8d\x8a\r\n.\r\n", ended}},
    };
    for (const row& r : rows) {
        CAPTURE(r.title);
        check_in_all_pieces(r.input, r.want, line_ending::crlf);
    }
}

TEST_CASE("end of data: of a client that ends its lines in <LF>", "[smtp]")
{
    static const std::vector<row> rows{
        {"an empty message", ".\nQUIT\n", {".\r\n", ended}},
        {"a message", "a\n\n.\nQUIT\n", {"a\r\n\r\n.\r\n", ended}},
        {"with a dot", "a\n..\n.x\n.\n", {"a\r\n..\r\n.x\r\n.\r\n", ended}},
        {"in <CRLF>", "a\r\n.\r\n", {"a\r\n.\r\n", ended}},
        {"mixed", "a\r\n.\n", {"a\r\n.\r\n", ended}},
        {"mixed otherwise", "a\n.\r\n", {"a\r\n.\r\n", ended}},
        {"not with a <CR>", "a\r.\nb\n.\rc", {"a\r..\r\nb\r\n..\rc", !ended, irregular}},
        {"not with a NUL", "a\n\0.\n"s, {"a\r\n\0..\r\n"s, !ended, irregular}},
    };
    for (const row& r : rows) {
        CAPTURE(r.title);
        check_in_all_pieces(r.input, r.want, line_ending::lf);
    }
}

TEST_CASE("end of data: no server sees another one, in any text of seven octets", "[smtp]")
{
    constexpr std::string_view alphabet{"\r\n.\0x", 5};
    constexpr int length = 7;
    int texts = 1;
    for (int i = 0; i < length; ++i)
        texts *= static_cast<int>(alphabet.size());
    int stuffed = 0;
    int wrong = 0;
    for (int number = 0; number < texts; ++number) {
        std::string text;
        for (int i = 0, rest = number; i < length; ++i, rest /= static_cast<int>(alphabet.size()))
            text += alphabet[static_cast<std::size_t>(rest) % alphabet.size()];
        const taken got = take_all({text});
        const std::size_t strict = end_for(text, false, false, false);
        bool is_right =
            got == take_all(octets_of(text)) && got.has_ended == (strict != std::string::npos) &&
            (!got.has_ended || got.passed.ends_with("\r\n.\r\n") || got.passed == ".\r\n");
        bool is_end_for_some = false;
        for (const unsigned habits : {0U, 1U, 2U, 3U, 4U, 5U, 6U, 7U}) {
            const auto end_in = [&](const std::string& octets) {
                return end_for(octets, habits & 1U, habits & 2U, habits & 4U);
            };
            // A server that lets a <CR> end a line has seen the end one octet before.
            const std::size_t end = end_in(got.passed);
            const std::size_t all = got.passed.size();
            is_right = is_right && (got.has_ended ? end == all || (end == all - 1 && (habits & 1U))
                                                  : end == std::string::npos);
            is_end_for_some = is_end_for_some || end_in(text.substr(0, strict)) <
                                                     std::min(strict - 1, text.size() + 1);
        }
        // Text that is an end for no server is left alone.
        const std::string unchanged =
            got.has_ended ? text.substr(0, strict) : text.substr(0, got.passed.size());
        if (!is_end_for_some && text.find(".\0"s) == std::string::npos)
            is_right = is_right && got.passed == unchanged;
        std::string without = got.passed;
        stuffed += got.passed != unchanged;
        wrong += !is_right;
        if (!is_right && wrong < 5) {
            CAPTURE(taken{text}, got, strict);
            CHECK(is_right);
        }
    }
    CHECK(wrong == 0);
    CHECK(stuffed > 1000);
}

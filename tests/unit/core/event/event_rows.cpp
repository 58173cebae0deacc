// SPDX-License-Identifier: Apache-2.0
#include "event_rows.hpp"

#include "fendmail/core/event/render.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <fmt/format.h>
#include <variant>

namespace fendmail::event {
namespace {

constexpr std::string_view json_client = R"("session":7,"client":"192.0.2.1","client_port":12345)";
constexpr std::string_view logfmt_client = "session=7 client=192.0.2.1 client_port=12345";

template <class Render>
std::string rendered(Render render)
{
    fmt::memory_buffer out;
    render(out);
    return fmt::to_string(out);
}

/// Notes whether any field is a text that is not of a closed list of words.
struct text_finder {
    bool found = false;

    void own_text(std::string_view, std::string_view) { found = true; }
    void client_text(std::string_view, std::string_view) { found = true; }
    void word(std::string_view, std::string_view) {}
    void address(std::string_view, const ip_address&) {}
    void where(std::string_view, std::string_view, const endpoint&) {}
    void duration(std::string_view, milliseconds) {}
    void flag(std::string_view, bool) {}
    void number(std::string_view, std::integral auto) {}
};

bool has_text(const any_event& what)
{
    text_finder finder;
    std::visit([&finder](const auto& e) { e.fields(finder); }, what);
    return finder.found;
}

/// Where the string that opens at `at` ends, or npos when it does not.
std::size_t end_of_string(std::string_view line, std::size_t at)
{
    for (std::size_t i = at + 1; i < line.size(); ++i) {
        if (line[i] == '"') return i;
        if (line[i] == '\\' && ++i < line.size() && line[i] != '"' && line[i] != '\\')
            return std::string_view::npos;
    }
    return std::string_view::npos;
}

/// True when quotes come in pairs, and a backslash stands only in quotes and before " or \.
bool is_well_quoted(std::string_view line)
{
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (line[i] == '\\') return false;
        if (line[i] != '"') continue;
        i = end_of_string(line, i);
        if (i == std::string_view::npos) return false;
    }
    return true;
}

void check_whole(const any_event& what)
{
    const auto phrase = as_postscreen(what);
    const auto json_line = as_json(what);
    const auto logfmt_line = as_logfmt(what);
    const bool fine = is_printable_ascii(phrase) && is_printable_ascii(json_line) &&
                      is_printable_ascii(logfmt_line) && is_well_quoted(json_line) &&
                      is_well_quoted(logfmt_line);
    if (!fine) FAIL(phrase << '\n' << json_line << '\n' << logfmt_line);
}

} // namespace

std::string json(std::string_view rest)
{
    return fmt::format("{}{}", json_client, rest);
}

std::string logfmt(std::string_view rest)
{
    return fmt::format("{}{}", logfmt_client, rest);
}

std::vector<row> both(std::vector<row> some, const std::vector<row>& more)
{
    some.insert(some.end(), more.begin(), more.end());
    return some;
}

std::string as_postscreen(const any_event& what)
{
    return rendered([&](auto& out) { render_postscreen(out, what); });
}

std::string as_json(const any_event& what)
{
    return rendered([&](auto& out) { render_json(out, what, ""); });
}

std::string as_logfmt(const any_event& what)
{
    return rendered([&](auto& out) { render_logfmt(out, what, ""); });
}

std::string every_octet()
{
    std::string all;
    for (int c = 0; c < 256; ++c)
        all += static_cast<char>(c);
    return all;
}

bool is_printable_ascii(std::string_view line)
{
    return std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

void check_lines(const std::vector<row>& rows)
{
    for (const row& r : rows) {
        CAPTURE(r.phrase);
        CHECK(name_of(r.what) == r.name);
        CHECK(to_string(level_of(r.what)) == r.level);
        CHECK(as_postscreen(r.what) == r.phrase);
        CHECK(as_json(r.what) ==
              fmt::format(R"({{"event":"{}","level":"{}",{}}})", r.name, r.level, r.fields));
        CHECK(as_logfmt(r.what) == fmt::format("event={} level={} {}", r.name, r.level, r.logfmt));
    }
}

void check_covers(const std::vector<row>& rows, const std::set<std::string_view>& names)
{
    std::set<std::string_view> covered;
    for (const row& r : rows)
        covered.insert(name_of(r.what));
    CHECK(covered == names);
}

void check_texts(const std::vector<row>& rows,
                 std::vector<any_event> (*with_text)(std::string_view text))
{
    std::set<std::string_view> carriers;
    for (const row& r : rows)
        if (has_text(r.what)) carriers.insert(name_of(r.what));
    std::set<std::string_view> checked;
    for (const any_event& what : with_text(""))
        checked.insert(name_of(what));
    CHECK(checked == carriers);

    const auto all = every_octet();
    for (const std::string_view text :
         {std::string_view{all}, std::string_view{"\""}, std::string_view{"\\"},
          std::string_view{"\\\""}, std::string_view{"\"\\"}, std::string_view{"a\"b"},
          std::string_view{"\r\nNov 21 06:07:08 host postfix/postscreen[1]: PASS NEW"},
          std::string_view{"\x1b]0;owned\x07"}, std::string_view{"\xc2\x9b\x33\x31m"},
          std::string_view{"\xff\xfe"}, std::string_view{" = "}, std::string_view{""}}) {
        // Every rotation of it, so that each octet stands at the beginning and on each side of a
        // cut.
        for (std::size_t shift = 0; shift <= text.size(); ++shift) {
            const auto turned = fmt::format("{}{}", text.substr(shift), text.substr(0, shift));
            for (const any_event& what : with_text(turned))
                check_whole(what);
        }
    }
}

} // namespace fendmail::event

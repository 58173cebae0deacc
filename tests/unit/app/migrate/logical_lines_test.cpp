// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/migrate/logical_lines.hpp"

#include "support/catch.hpp"

#include <fmt/format.h>

namespace fendmail::app::postscreen {
namespace {

using texts = std::vector<std::string>;

/// "NUMBER:TEXT", with "!" in front of what continues nothing.
texts lines_of(std::string_view text)
{
    texts out;
    for (const logical_line& line : logical_lines(text))
        out.push_back(fmt::format("{}{}:{}", line.is_orphan ? "!" : "", line.number, line.text));
    return out;
}

} // namespace

TEST_CASE("postscreen: logical lines are joined as Postfix joins them", "[migrate]")
{
    struct row {
        const char* title;
        const char* text;
        texts want;
    };
    static const row rows[] = {
        {"nothing", "", {}},
        {"one line without its end", "abc", {"1:abc"}},
        {"two lines", "abc\ndef\n", {"1:abc", "2:def"}},
        {"a blank continues", "abc\n def\n\tghi\n", {"1:abc def\tghi"}},
        {"comments and empty lines", "\n# x\n  # y\nabc\n", {"4:abc"}},
        {"a comment within", "abc\n# x\n def\n", {"1:abc def"}},
        {"an indented comment within", "abc\n  # x\n def\n", {"1:abc def"}},
        {"an empty line within", "abc\n\n def\n", {"1:abc def"}},
        {"an empty line at the end", "abc\n\n \n", {"1:abc"}},
        {"nothing to continue", " abc\ndef\n", {"!1: abc", "2:def"}},
        {"orphans take along what continues them", " abc\n x\ndef\n", {"!1: abc x", "3:def"}},
        {"carriage returns are blanks", "abc\r\n def\r\n", {"1:abc\r def\r"}},
    };
    for (const row& r : rows) {
        DYNAMIC_SECTION(r.title)
        {
            CHECK(lines_of(r.text) == r.want);
        }
    }
}

TEST_CASE("postscreen: what is not UTF-8 becomes a question mark", "[migrate]")
{
    CHECK(lines_of("gr\xc3\xbc\xc3\x9f"
                   "e") == texts{"1:gr\xc3\xbc\xc3\x9f"
                                 "e"});
    CHECK(lines_of("gr\xfc\xdf"
                   "e") == texts{"1:gr??e"});
    CHECK(lines_of("\xe2\x82\xac \xf0\x9f\x99\x82") == texts{"1:\xe2\x82\xac \xf0\x9f\x99\x82"});
    // Cut, overlong, a surrogate, beyond the last character.
    CHECK(lines_of("x\xe2\x82") == texts{"1:x??"});
    CHECK(lines_of("\xc0\x80") == texts{"1:??"});
    CHECK(lines_of("\xe0\x80\x80") == texts{"1:???"});
    CHECK(lines_of("\xed\xa0\x80") == texts{"1:???"});
    CHECK(lines_of("\xf5\x80\x80\x80") == texts{"1:????"});
}

TEST_CASE("postscreen: lists are split at commas and blanks, but not within braces", "[migrate]")
{
    CHECK(split_list("a, b\tc ,, d") == texts{"a", "b", "c", "d"});
    CHECK(split_list("cidr:{ {1 a}, {2 b} }, c") == texts{"cidr:{ {1 a}, {2 b} }", "c"});
    CHECK(split_list("a}b {c d") == texts{"a}b", "{c d"});
    CHECK(split_list(" ,").empty());
    CHECK(split_list("a,b c", " ") == texts{"a,b", "c"});
}

TEST_CASE("postscreen: braces hold what is between the outermost ones", "[migrate]")
{
    CHECK(braces_content("{ a b }") == "a b");
    CHECK(braces_content(" {a{b}c} ") == "a{b}c");
    CHECK(braces_content("{}") == "");
    CHECK_FALSE(braces_content("{a} b").has_value());
    CHECK_FALSE(braces_content("{a").has_value());
    CHECK_FALSE(braces_content("a").has_value());
}

TEST_CASE("postscreen: names and values, keys and values", "[migrate]")
{
    const auto is = [](const std::optional<name_value>& got, const char* name, const char* value) {
        return got && got->name == name && got->value == value;
    };
    CHECK(is(split_name_value("a=b"), "a", "b"));
    CHECK(is(split_name_value("  a  =  b = c  "), "a", "b = c"));
    CHECK(is(split_name_value("a ="), "a", ""));
    CHECK_FALSE(split_name_value("a b = c").has_value());
    CHECK_FALSE(split_name_value("= c").has_value());
    CHECK_FALSE(split_name_value("a").has_value());
    CHECK(is(split_key_value("k\tv w "), "k", "v w"));
    CHECK_FALSE(split_key_value("k ").has_value());
    CHECK_FALSE(split_key_value("").has_value());
}

} // namespace fendmail::app::postscreen

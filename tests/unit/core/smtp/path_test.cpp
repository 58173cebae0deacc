// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/path.hpp"

#include "support/catch.hpp"

#include <string>

using namespace fendmail;

TEST_CASE("path: the address is found in whatever form clients send", "[smtp]")
{
    struct row {
        const char* title;
        const char* argument;
        const char* want;
        const char* want_logged;
    };
    static const row rows[] = {
        {"as it should be", "FROM:<a@b.example>", "a@b.example", "a@b.example"},
        {"parameters behind it", "FROM:<a@b> SIZE=10 BODY=8BITMIME", "a@b", "a@b"},
        {"space before it", "FROM:  <a@b>", "a@b", "a@b"},
        {"space before the colon", "FROM : <a@b>", "a@b", "a@b"},
        {"any keyword will do", "X:<a@b>", "a@b", "a@b"},
        {"no keyword at all", ":<a@b>", "a@b", "a@b"},
        {"no brackets", "TO:a@b SIZE=1", "a@b", "a@b"},
        {"no closing bracket", "TO:<a@b c", "a@b c", "a@b c"},
        {"null sender", "FROM:<>", "", ""},
        {"nothing behind the colon", "FROM:", "", ""},
        {"spaces behind the colon", "FROM:   ", "", ""},
        {"null sender with parameters", "FROM:<> SIZE=1", "", ""},
        {"no domain", "TO:<postmaster>", "postmaster", "postmaster"},
        {"source route", "TO:<@a.example,@b.example:c@d.example>", "c@d.example", "c@d.example"},
        {"source route without brackets", "TO:@a:c@d", "c@d", "c@d"},
        {"source route and nothing more", "TO:<@a:>", "", ""},
        {"only the first colon ends a route", "TO:<@a:b:c@d>", "b:c@d", "\"b:c\"@d"},
        {"an @ in front without a colon is no route", "TO:<@a.example>", "@a.example",
         "\"\"@a.example"},
        {"a colon without an @ in front is no route", "TO:<a:b@c>", "a:b@c", "\"a:b\"@c"},
        {"quotes that are not needed", "TO:<\"a\"@b>", "a@b", "a@b"},
        {"quotes around a space", "TO:<\"a b\"@c>", "a b@c", "\"a b\"@c"},
        {"quotes around a bracket", "TO:<\"a>b\"@c>", "a>b@c", "\"a>b\"@c"},
        {"quotes around an @", "TO:<\"a@b\"@c>", "a@b@c", "\"a@b\"@c"},
        {"quotes around a space without brackets", "TO:\"a b\"@c d", "a b@c", "\"a b\"@c"},
        {"a quoted quote", "TO:<\"a\\\"b\"@c>", "a\"b@c", "\"a\\\"b\"@c"},
        {"a backslash outside quotes", "TO:<a\\>b@c>", "a>b@c", "\"a>b\"@c"},
        {"a quoted backslash", "TO:<\"a\\\\b\"@c>", "a\\b@c", "\"a\\\\b\"@c"},
        {"a backslash at the end", "TO:<a@b\\", "a@b", "a@b"},
        {"a quote that is not closed runs to the end", "TO:<\"a@b> x", "a@b> x", "a@b> x"},
        {"an empty quoted local part", "TO:<\"\"@b>", "@b", "\"\"@b"},
        {"a dot in front", "TO:<.a@b>", ".a@b", "\".a\"@b"},
        {"a dot at the end", "TO:<a.@b>", "a.@b", "\"a.\"@b"},
        {"two dots", "TO:<a..b@c>", "a..b@c", "\"a..b\"@c"},
        {"dots between", "TO:<a.b.c@d>", "a.b.c@d", "a.b.c@d"},
        {"atom characters", "TO:<a!#$%&'*+-/=?^_`{|}~z@d>", "a!#$%&'*+-/=?^_`{|}~z@d",
         "a!#$%&'*+-/=?^_`{|}~z@d"},
        {"8-bit octets", "TO:<j\xc3\xb6rg@d>", "j\xc3\xb6rg@d", "j\xc3\xb6rg@d"},
        {"a <CR> inside", "TO:<a\rb@d>", "a\rb@d", "\"a\rb\"@d"},
        {"a <DEL> inside", "TO:<a\x7f@d>", "a\x7f@d", "\"a\x7f\"@d"},
    };
    for (const row& r : rows) {
        DYNAMIC_SECTION(r.title << ": " << r.argument)
        {
            const auto got = smtp::parse_path(r.argument);
            REQUIRE(got);
            CHECK(*got == r.want);
            CHECK(smtp::to_log_form(*got) == r.want_logged);
        }
    }
}

TEST_CASE("path: all octets that are special in a local part bring back its quotes", "[smtp]")
{
    for (const char special : std::string{"()<>@,;:[] "}) {
        const std::string local = std::string{"a"} + special + "b";
        CHECK(smtp::to_log_form(local + "@c") == '"' + local + "\"@c");
    }
}

TEST_CASE("path: an argument without a colon has none", "[smtp]")
{
    for (const char* argument : {"", "FROM", "<a@b>", "FROM <a@b>"}) {
        CAPTURE(argument);
        CHECK_FALSE(smtp::parse_path(argument));
    }
}

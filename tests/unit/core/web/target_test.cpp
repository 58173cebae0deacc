// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/web/target.hpp"

#include "support/catch.hpp"

#include <string>

using namespace fendmail;

TEST_CASE("web target: path and query are decoded", "[web]")
{
    struct row {
        std::string_view text;
        web::target expected;
    };
    const row rows[] = {
        {"/", {"/", {}}},
        {"/a/b", {"/a/b", {}}},
        {"/permits/192.0.2.0%2F24", {"/permits/192.0.2.0/24", {}}},
        {"/permits/2001:db8::/48", {"/permits/2001:db8::/48", {}}},
        {"/a+b?c+d=e+f", {"/a+b", {{"c d", "e f"}}}},
        {"/?a=1&b=&c&&a=2", {"/", {{"a", "1"}, {"b", ""}, {"c", ""}, {"a", "2"}}}},
        {"/?a=b=c?d", {"/", {{"a", "b=c?d"}}}},
        {"/%c3%A4", {"/\xc3\xa4", {}}},
    };
    for (const auto& one : rows) {
        INFO(one.text);
        CHECK(web::parse_target(one.text) == one.expected);
    }
}

TEST_CASE("web target: what is no path, or broken, is refused", "[web]")
{
    for (const std::string_view text : {"", "*", "http://localhost/", "a", "/%", "/%2", "/%zz",
                                        "/%00", "/?a=%", "/?%0=1", "/?a=%00"}) {
        INFO(text);
        CHECK_FALSE(web::parse_target(text));
    }
}

TEST_CASE("web target: the first parameter of a name counts", "[web]")
{
    const auto found = web::parse_target("/?a=1&a=2");
    REQUIRE(found);
    CHECK(found->parameter("a") == "1");
    CHECK(found->parameter("b").empty());
}

TEST_CASE("web target: an escaped segment comes back as it was", "[web]")
{
    for (const std::string_view text : {"192.0.2.0/24", "2001:db8::1", "a b?c#d%e", "\xff"}) {
        INFO(text);
        const auto found = web::parse_target("/x/" + web::escape_segment(text));
        REQUIRE(found);
        CHECK(found->path == "/x/" + std::string{text});
    }
    CHECK(web::behind("/x/y", "/x/") == "y");
    CHECK_FALSE(web::behind("/x/", "/x/"));
    CHECK_FALSE(web::behind("/y", "/x/"));
}

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/migrate/json_pairs.hpp"

#include "fendmail/app/migrate/sources.hpp"
#include "support/catch.hpp"

#include <fmt/format.h>

namespace fendmail::app::postscreen {
namespace {

std::string shown(std::string_view text)
{
    const auto pairs = parse_json_pairs(text);
    if (!pairs) return "no JSON";
    std::string out;
    for (const name_value& pair : *pairs)
        out += fmt::format("{}{}={}", out.empty() ? "" : "|", pair.name, pair.value);
    return out;
}

} // namespace

TEST_CASE("json: one object a line, or several, or none", "[migrate]")
{
    CHECK(shown(R"({"myhostname": "mx.example.org"})") == "myhostname=mx.example.org");
    CHECK(shown(R"({ "a" : "b" , "c":"" })") == "a=b|c=");
    CHECK(shown(R"([{"a": "b"}, {"c": "d"}])") == "a=b|c=d");
    CHECK(shown("[") == "");
    CHECK(shown(R"({"a": "q\"u\\o\/te\tx\u000a\u0041\u00e4"})") == "a=q\"u\\o/te x A?");
    CHECK(shown("{\"a\": \"gr\xc3\xbc\xc3\x9f\"}") == "a=gr\xc3\xbc\xc3\x9f");
    for (const char* broken :
         {R"({"a")", R"({"a": )", R"({"a": "b)", R"({"a": 1})", R"({"a": "\x"})",
          R"({"a": "\u12"})", R"({a: "b"})", R"({"a" "b"})", "{\"a\": \"b\\"}) {
        CAPTURE(broken);
        CHECK(shown(broken) == "no JSON");
    }
}

TEST_CASE("json: a service whose name begins with a bracket is none", "[migrate]")
{
    CHECK(is_json("{\"a\": \"b\"}"));
    CHECK(is_json("  [ {"));
    CHECK(is_json("]"));
    CHECK(is_json("},"));
    CHECK_FALSE(is_json("[2001:db8::1]:smtp inet n - n - 1 postscreen"));
    CHECK_FALSE(is_json("myhostname = {x}"));
    CHECK_FALSE(is_json(""));
}

TEST_CASE("postscreen: what postconf -j prints says the same as without it", "[migrate]")
{
    const std::vector<input_file> files{
        {"-", "{\"config_directory\": \"/etc/postfix\"}\n"
              "{\"smtpd_banner\": \"$myhostname ESMTP \\\"x\\\"\"}\n"
              "{\"smtp/inet\": \"smtp inet n - y - 1 postscreen -o {smtpd_banner = a b} -o x=1\"}\n"
              "{\"[::1]:26/inet\": \"[::1]:26 inet n - y - 1 postscreen\"}\n"
              "{\"smtpd/pass\": \"smtpd pass - - y - - smtpd\"}\n"
              "{\"smtp/inet/soft_bounce\": \"yes\"}\n"
              "myhostname = mx.example.org\n"
              "{\"oops\": \n"}};
    const sources got = read_sources(files);
    CHECK(got.main.at("smtpd_banner").text == "$myhostname ESMTP \"x\"");
    CHECK(got.main.at("smtpd_banner").at.line == 2);
    CHECK(got.main.at("myhostname").text == "mx.example.org");
    REQUIRE(got.services.size() == 3);
    CHECK(got.services[0].overrides.at("smtpd_banner").text == "a b");
    CHECK(got.services[0].overrides.at("x").text == "1");
    CHECK(got.services[0].overrides.at("soft_bounce").text == "yes");
    CHECK(got.services[1].name == "[::1]:26");
    CHECK(got.services[2].is_private);
    REQUIRE(got.remarks.size() == 1);
    CHECK(to_text(got.remarks[0]) == "standard input:8: warning: begins as JSON of `postconf -j` "
                                     "but is none: not read");
}

} // namespace fendmail::app::postscreen

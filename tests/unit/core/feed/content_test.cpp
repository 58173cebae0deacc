// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/feed/content.hpp"

#include "fendmail/core/limits.hpp"
#include "support/catch.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace fendmail::feed {
namespace {

std::string networks_text(const content& of)
{
    std::string out;
    for (const network& each : of.networks)
        out += (out.empty() ? "" : " ") + to_text(each);
    return out;
}

struct form_case {
    const char* what;
    std::string_view text;
    format guessed;
    std::string_view networks;
    std::size_t bad_lines;
    unsigned first_bad_line;
};

const std::vector<form_case> form_cases{
    {"addresses a line, as blocklist.de has them", "192.0.2.1\n192.0.2.2\n2001:db8::1\n",
     format::cidr, "192.0.2.1/32 192.0.2.2/32 2001:db8::1/128", 0, 0},
    {"comments of FireHOL, blanks, CRLF, no line end at the end",
     "#\n# firehol_level2\n#\r\n 198.51.100.0/24 \r\n\n203.0.113.9", format::cidr,
     "198.51.100.0/24 203.0.113.9/32", 0, 0},
    {"the text form of Spamhaus", "; Spamhaus DROP List\n192.0.2.0/24 ; SBL1\n", format::cidr,
     "192.0.2.0/24", 0, 0},
    {"bits behind the prefix", "192.0.2.7/24\n2001:db8::7/32\n", format::cidr,
     "192.0.2.0/24 2001:db8::/32", 0, 0},
    {"mapped addresses are IPv4", "::ffff:192.0.2.0/120\n", format::cidr, "192.0.2.0/24", 0, 0},
    {"an error page", "<!DOCTYPE html>\n<html>\n192.0.2.1\n</html>\n", format::cidr, "192.0.2.1/32",
     3, 1},
    {"words behind a network", "192.0.2.1 # good\n192.0.2.2 spammer\n", format::cidr,
     "192.0.2.1/32", 1, 2},
    {"a wrong length", "192.0.2.1/33\n192.0.2.7/x\n192.0.2.0/\n", format::cidr, "", 3, 1},
    {"what ipset writes",
     "create bad hash:net family inet hashsize 1024 maxelem 65536\nadd bad 192.0.2.0/24\n"
     "add bad 198.51.100.7 timeout 600 comment \"nomatch\"\n",
     format::ipset, "192.0.2.0/24 198.51.100.7/32", 0, 0},
    {"ipset's exceptions are no entries", "add bad 192.0.2.0/24\nadd bad 192.0.2.7 nomatch\n",
     format::ipset, "192.0.2.0/24", 1, 2},
    {"ipset with ports", "add bad 192.0.2.1,tcp:25\nadd bad\n", format::ipset, "", 2, 1},
    {"the old form of ipset", "-N bad nethash\n-A bad 192.0.2.0/24\nCOMMIT\n", format::ipset,
     "192.0.2.0/24", 0, 0},
    {"DROP as JSON lines",
     R"({"cidr":"192.0.2.0/24","sblid":"SBL1","rir":"ripe"})"
     "\n"
     R"( { "sblid" : "S\"}{,B" , "cidr" : "2001:db8::/32" , "n": 3 } )"
     "\n"
     R"({"type":"metadata","timestamp":1,"size":2,"records":2,"copyright":"C"})"
     "\n",
     format::drop_json, "192.0.2.0/24 2001:db8::/32", 0, 0},
    {"JSON that is cut", "{\"cidr\":\"192.0.2.0/24\"}\n{\"cidr\":\"198.51.100.0/",
     format::drop_json, "192.0.2.0/24", 1, 2},
    {"JSON without what is looked for", "{}\n{\"asn\":0}\n{\"asn\":\"x\"}\n{\"cidr\":5}\n",
     format::drop_json, "", 4, 1},
    {"JSON with more behind it", "{\"cidr\":\"192.0.2.0/24\"} x\n{\"cidr\":\"192.0.2.0/24\",}\n",
     format::drop_json, "", 2, 1},
    {"JSON in JSON", "{\"a\":{\"cidr\":\"192.0.2.0/24\"}}\n", format::drop_json, "", 1, 1},
    {"nothing", "", format::cidr, "", 0, 0},
    {"comments only, as edrop.txt is now", "; EDROP is part of DROP\n", format::cidr, "", 0, 0},
};

} // namespace

TEST_CASE("feed content: each form is guessed and read", "[feed]")
{
    for (const auto& each : form_cases) {
        CAPTURE(each.what);
        CHECK(guess_format(each.text) == each.guessed);
        const auto found = parse(each.text, format::automatic);
        CHECK(found.form == each.guessed);
        CHECK(networks_text(found) == each.networks);
        CHECK(found.bad_lines == each.bad_lines);
        CHECK(found.first_bad_line == each.first_bad_line);
        CHECK(found.asns.empty());
        CHECK_FALSE(found.is_too_long);
    }
}

TEST_CASE("feed content: the number of records that a file names is kept", "[feed]")
{
    CHECK_FALSE(parse("{\"cidr\":\"192.0.2.0/24\"}\n", format::drop_json).claimed);
    CHECK(parse("{\"type\":\"metadata\",\"records\":12}\n", format::drop_json).claimed == 12);
    CHECK(parse("{\"type\":\"metadata\"}\n", format::drop_json).bad_lines == 1);
    const auto asns = parse("{\"asn\":64500,\"asname\":\"X\"}\n{\"asn\":4200000000}\n"
                            "{\"type\":\"metadata\",\"records\":2}\n",
                            format::automatic);
    CHECK(asns.asns == std::vector<std::uint32_t>{64500, 4200000000});
    CHECK(asns.entries() == 2);
    CHECK(asns.claimed == 2);
}

TEST_CASE("feed content: the first bad line is shown, cut and printable", "[feed]")
{
    const auto found = parse("192.0.2.1\n\x1b[31m" + std::string(500, 'x') + "\n", format::cidr);
    CHECK(found.first_bad_text.size() == 60);
    CHECK(found.first_bad_text.starts_with("?[31mxxx"));
}

TEST_CASE("feed content: a line may not be longer than the limit, unless it is a comment", "[feed]")
{
    const std::string blanks(limits::feed_line_octets, ' ');
    CHECK(parse("192.0.2.1" + blanks + "\n", format::cidr).bad_lines == 1);
    CHECK(parse("# " + std::string(limits::feed_line_octets, 'x') + "\n", format::cidr).bad_lines ==
          0);
}

TEST_CASE("feed content: no cut of a file makes more of it than there was", "[feed]")
{
    const std::string whole = "{\"cidr\":\"192.0.2.0/24\",\"sblid\":\"SBL1\"}\n"
                              "{\"cidr\":\"2001:db8::/32\",\"sblid\":\"SBL2\"}\n"
                              "{\"type\":\"metadata\",\"records\":2}";
    for (std::size_t end = 0; end < whole.size(); ++end) {
        CAPTURE(end);
        const auto found = parse(whole.substr(0, end), format::drop_json);
        CHECK(found.entries() <= 2);
        CHECK_FALSE(found.claimed);
    }
    CHECK(parse(whole, format::drop_json).claimed == 2);
}

TEST_CASE("feed content: a form that is named is not guessed", "[feed]")
{
    CHECK(parse("192.0.2.1\n", format::drop_json).bad_lines == 1);
    CHECK(parse("192.0.2.1\n", format::ipset).bad_lines == 1);
    CHECK(parse("192.0.2.1\n", format::mmdb).bad_lines == 1);
    for (const auto f :
         {format::automatic, format::cidr, format::ipset, format::drop_json, format::mmdb})
        CHECK(to_string(f) != "unknown");
}

} // namespace fendmail::feed

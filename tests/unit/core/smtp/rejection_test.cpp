// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/rejection.hpp"

#include "fendmail/core/limits.hpp"
#include "fendmail/core/smtp/reply.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <string>
#include <string_view>

using namespace fendmail;
using smtp::clean_reason;
using smtp::expand_rejection;
using smtp::parse_rejection;

namespace {

constexpr std::string_view example =
    "5.7.1 Service unavailable; client [{client}] blocked using {zones}; {txt}; ref {session}";

smtp::rejection_values values()
{
    smtp::rejection_values some;
    some.client = "192.0.2.1";
    some.session = "217000000000001";
    some.zone = "zen.example";
    some.zones = {"zen.example", "bl.example"};
    some.txt = "listed, see https://example/1";
    return some;
}

std::string expanded(std::string_view text, const smtp::rejection_values& with)
{
    const auto parsed = parse_rejection(text);
    CHECK(parsed.trouble.empty());
    return expand_rejection(parsed.value, 5, with);
}

std::size_t wire_octets(const std::string& text)
{
    return to_wire(smtp::make_reply(550, "5.7.1", text)).size();
}

} // namespace

TEST_CASE("rejection: the enhanced code is split off, and its class is 5", "[smtp]")
{
    struct row {
        const char* text;
        const char* enhanced;
        const char* rest;
    };
    for (const auto& [text, enhanced, rest] :
         {row{"", "", ""}, row{"no {zone}", "", "no {zone}"}, row{"5.7.1 no", "5.7.1", "no"},
          row{"5.71.123  no", "5.71.123", "no"}, row{"5.7 no", "", "5.7 no"},
          row{"5.7.1.2 no", "", "5.7.1.2 no"}, row{"5.7.1234 no", "", "5.7.1234 no"},
          row{"192.0.2.1 no", "", "192.0.2.1 no"}}) {
        CAPTURE(text);
        const auto parsed = parse_rejection(text);
        CHECK(parsed.trouble.empty());
        CHECK(parsed.value.enhanced == enhanced);
        CHECK(parsed.value.text == rest);
        CHECK(parsed.value.is_set() == !parsed.value.text.empty());
    }
    for (const char* text : {"4.7.1 no", "2.0.0 no", "9.9.9 no"}) {
        CAPTURE(text);
        CHECK(parse_rejection(text).trouble.find("begins with 5") != std::string::npos);
    }
    CHECK_FALSE(parse_rejection("5.7.1").trouble.empty());
    CHECK_FALSE(parse_rejection("5.7.1 ").trouble.empty());
}

TEST_CASE("rejection: an unknown name is told with those that there are", "[smtp]")
{
    for (const char* text : {"{helo}", "a {} b", "{zone}{Zone}", "{txt", "a } b", "a } {txt}",
                             "{txt} {", "{{zone}}", "{zone }"}) {
        CAPTURE(text);
        const auto trouble = parse_rejection(text).trouble;
        CHECK(trouble.find("{client}, {session}, {txt}, {zone}, {zones}") != std::string::npos);
    }
    CHECK(parse_rejection("{helo}").trouble.starts_with("{helo} stands for nothing"));
    CHECK(parse_rejection(std::string(301, 'x')).trouble == "at most 300 octets");
    CHECK(parse_rejection("see {txt}").value.names_txt());
    CHECK_FALSE(parse_rejection("see {zones}").value.names_txt());
}

TEST_CASE("rejection: names are replaced", "[smtp]")
{
    CHECK(expanded(example, values()) ==
          "Service unavailable; client [192.0.2.1] blocked using zen.example, bl.example; listed, "
          "see https://example/1; ref 217000000000001");
    CHECK(expanded("{zone}{zone} {client}", values()) == "zen.examplezen.example 192.0.2.1");
    CHECK(expanded("no names", values()) == "no names");
}

TEST_CASE("rejection: a value is not looked at for names", "[smtp]")
{
    auto some = values();
    some.txt = "{session} {nobody}";
    CHECK(expanded("{txt}", some) == "{session} {nobody}");
}

TEST_CASE("rejection: a name without a value takes the punctuation before it along", "[smtp]")
{
    auto some = values();
    some.txt = "";
    CHECK(expanded(example, some) == "Service unavailable; client [192.0.2.1] blocked using "
                                     "zen.example, bl.example; ref 217000000000001");
    CHECK(expanded("{txt}", some).empty());
    CHECK(expanded("[{client}]; {txt}", some) == "[192.0.2.1]");
}

TEST_CASE("rejection: the reply fits a line whatever a list says", "[smtp]")
{
    auto some = values();
    const std::string long_text(2000, 't');
    some.txt = long_text;
    const auto text = expanded(example, some);
    CHECK(wire_octets(text) == limits::reply_line_octets);
    CHECK(text.ends_with("t; ref 217000000000001"));
    CHECK(text.find("zen.example, bl.example; ttt") != std::string::npos);

    const std::string zone(253, 'z');
    some.zone = zone;
    some.zones.assign(64, zone);
    const auto crowded = expanded(example, some);
    CHECK(wire_octets(crowded) <= limits::reply_line_octets);
    CHECK(crowded.ends_with("; ref 217000000000001"));
    CHECK(std::ranges::count(crowded, 'z') == 253);

    std::string all_names;
    while (all_names.size() + 16 < smtp::rejection_octets_max)
        all_names += "{client}{txt}";
    CHECK(wire_octets(expanded(all_names, some)) <= limits::reply_line_octets);
}

TEST_CASE("rejection: what a list says becomes printable ASCII on one line", "[smtp]")
{
    struct row {
        std::string_view text;
        const char* want;
    };
    using namespace std::string_view_literals;
    for (const auto& [text, want] :
         {row{"", ""}, row{"plain text", "plain text"}, row{"  a  b\t\r\nc  ", "a b c"},
          row{"a\r\n250 Ok", "a 250 Ok"}, row{"caf\xc3\xa9 x"sv, "caf x"},
          row{"\0\x01\x7f\xff"sv, ""}, row{"a\0b"sv, "a b"}}) {
        CAPTURE(want);
        CHECK(clean_reason(text, 300) == want);
    }
    CHECK(clean_reason("abcdef", 3) == "abc");
    CHECK(clean_reason("ab cdef", 3) == "ab");
    CHECK(clean_reason(std::string(70000, 'x'), 300).size() == 300);
}

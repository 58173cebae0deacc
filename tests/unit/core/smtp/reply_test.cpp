// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/reply.hpp"

#include "fendmail/core/limits.hpp"
#include "support/catch.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace fendmail;
using namespace std::string_literals;
using smtp::make_reply;
using smtp::reply;

namespace {

reply several(int code, std::string enhanced, std::vector<std::string> lines)
{
    return {.code = code, .enhanced = std::move(enhanced), .lines = std::move(lines)};
}

/// The error, or nothing when `input` is one complete reply or its beginning.
std::optional<error> error_of(std::string_view input)
{
    smtp::reply_reader reader;
    const auto taken = reader.feed(input);
    return taken ? std::nullopt : std::optional{taken.error()};
}

std::string line_of(std::size_t octets)
{
    return "250-" + std::string(octets - 6, 'x') + "\r\n";
}

} // namespace

TEST_CASE("reply: its classes are told by the first digit", "[smtp]")
{
    struct row {
        int code;
        bool positive;
        bool transient;
        bool permanent;
    };
    for (const row& r : {row{220, true, false, false}, row{399, true, false, false},
                         row{400, false, true, false}, row{499, false, true, false},
                         row{500, false, false, true}, row{599, false, false, true}}) {
        CAPTURE(r.code);
        const reply made = make_reply(r.code, "", "x");
        CHECK(made.is_positive() == r.positive);
        CHECK(made.is_transient() == r.transient);
        CHECK(made.is_permanent() == r.permanent);
    }
}

TEST_CASE("reply: is written for the wire and for the log", "[smtp]")
{
    struct row {
        const char* title;
        reply what;
        std::string wire;
        std::string log;
    };
    const std::vector<row> rows{
        {"one line", make_reply(550, "5.7.1", "No"), "550 5.7.1 No\r\n", "550 5.7.1 No"},
        {"no enhanced code", make_reply(220, "", "mx ESMTP"), "220 mx ESMTP\r\n", "220 mx ESMTP"},
        {"no text", make_reply(250, "2.0.0", ""), "250 2.0.0\r\n", "250 2.0.0"},
        {"nothing but a code", make_reply(250, "", ""), "250 \r\n", "250"},
        {"several lines", several(250, "", {"mx", "SIZE", "DSN"}),
         "250-mx\r\n250-SIZE\r\n250 DSN\r\n", "250 mx; SIZE; DSN"},
        {"several lines with enhanced codes", several(550, "5.7.1", {"a", "b"}),
         "550-5.7.1 a\r\n550 5.7.1 b\r\n", "550 5.7.1 a; b"},
        {"no text can forge a line", make_reply(550, "", "a\r\n250 b\0\x7f\tc\xe4"s),
         "550 a??250 b??\tc\xe4\r\n", "550 a\r\n250 b\0\x7f\tc\xe4"s},
    };
    for (const row& r : rows) {
        CAPTURE(r.title);
        CHECK(to_wire(r.what) == r.wire);
        CHECK(to_log(r.what) == r.log);
    }
}

TEST_CASE("reply: soft bounce turns permanent codes into transient ones and no others", "[smtp]")
{
    CHECK(softened(make_reply(550, "5.7.1", "5xx No")) == make_reply(450, "4.7.1", "5xx No"));
    CHECK(softened(make_reply(500, "", "5 x")) == make_reply(400, "", "5 x"));
    CHECK(softened(make_reply(450, "4.5.5", "x")) == make_reply(450, "4.5.5", "x"));
    CHECK(softened(make_reply(250, "2.1.5", "x")) == make_reply(250, "2.1.5", "x"));
    CHECK(softened(make_reply(499, "", "x")).code == 499);
}

TEST_CASE("reply reader: puts a reply together however its octets arrive", "[smtp]")
{
    struct row {
        const char* title;
        std::string input;
        reply want;
    };
    const std::vector<row> rows{
        {"one line", "220 mx ESMTP\r\n", make_reply(220, "", "mx ESMTP")},
        {"code alone", "220\r\n", make_reply(220, "", "")},
        {"code and space", "220 \r\n", make_reply(220, "", "")},
        {"several lines", "250-mx\r\n250-\r\n250 DSN\r\n", several(250, "", {"mx", "", "DSN"})},
        {"enhanced code", "554 5.7.1 No\r\n", make_reply(554, "5.7.1", "No")},
        {"enhanced code alone", "250 2.0.0\r\n", make_reply(250, "2.0.0", "")},
        {"enhanced code on all lines", "550-5.7.1 a\r\n550 5.7.1 b\r\n",
         several(550, "5.7.1", {"a", "b"})},
        {"on the first line only", "550-5.7.1 a\r\n550 b\r\n", several(550, "", {"5.7.1 a", "b"})},
        {"different ones", "550-5.7.1 a\r\n550 5.7.2 b\r\n",
         several(550, "", {"5.7.1 a", "5.7.2 b"})},
        {"enhanced code of another class", "550 4.7.1 a\r\n", make_reply(550, "", "4.7.1 a")},
        {"three digits a part", "550 5.123.456 a\r\n", make_reply(550, "5.123.456", "a")},
        {"four are none", "550 5.1.4567 a\r\n", make_reply(550, "", "5.1.4567 a")},
        {"a part too few", "550 5.1 a\r\n", make_reply(550, "", "5.1 a")},
        {"a part too many", "550 5.1.2.3 a\r\n", make_reply(550, "", "5.1.2.3 a")},
        {"an empty part", "550 5..2 a\r\n", make_reply(550, "", "5..2 a")},
        {"an address is no enhanced code", "220 2.mx.example\r\n",
         make_reply(220, "", "2.mx.example")},
        {"8-bit text and tabs", "220 m\xc3\xa4x\tx\r\n", make_reply(220, "", "m\xc3\xa4x\tx")},
        {"the lowest code", "200 x\r\n", make_reply(200, "", "x")},
        {"the highest code", "599 x\r\n", make_reply(599, "", "x")},
    };
    for (const row& r : rows) {
        CAPTURE(r.title);
        const std::string behind = "next";
        for (std::size_t at = 0; at <= r.input.size(); ++at) {
            CAPTURE(at);
            smtp::reply_reader reader;
            CHECK_FALSE(reader.started());
            const auto first = reader.feed(std::string_view{r.input}.substr(0, at));
            REQUIRE(first.has_value());
            CHECK(*first == at);
            CHECK(reader.started() == (at > 0));
            CHECK(reader.complete() == (at == r.input.size()));
            const auto second = reader.feed(r.input.substr(at) + behind);
            REQUIRE(second.has_value());
            CHECK(*second == r.input.size() - at);
            REQUIRE(reader.complete());
            CHECK(reader.get() == r.want);
            CHECK(reader.raw() == r.input);
        }
    }
}

TEST_CASE("reply reader: what is written is what is read", "[smtp]")
{
    for (const reply& r :
         {make_reply(550, "5.7.1", "No"), make_reply(220, "", "mx ESMTP"),
          several(250, "", {"mx", "SIZE 10", "DSN"}), several(450, "4.3.2", {"a", "", "c"})}) {
        smtp::reply_reader reader;
        REQUIRE(reader.feed(to_wire(r)).has_value());
        REQUIRE(reader.complete());
        CHECK(reader.get() == r);
    }
}

TEST_CASE("reply reader: refuses what is not a reply", "[smtp]")
{
    const std::vector<std::string> inputs{
        "\r\n",
        "22\r\n",
        "2200\r\n",
        "220x\r\n",
        "2x0 a\r\n",
        "22x a\r\n",
        "100 a\r\n",
        "199 a\r\n",
        "600 a\r\n",
        "HTTP/1.1 400\r\n",
        " 220 a\r\n",
        "220 a\n",
        "220 a\rb\r\n",
        "220 a\r\r\n",
        "220 a\0b\r\n"s,
        "220 a\x1b[2J\r\n",
        "220 a\x7f\r\n",
        "220-a\r\n221 b\r\n",
        "220-a\r\n521 b\r\n",
        "220_a\r\n",
        "-20 a\r\n",
        "220\n",
    };
    for (const std::string& input : inputs) {
        CAPTURE(input);
        CHECK(error_of(input) == error::bad_reply);
        // Octet by octet the verdict is the same, and it comes with the end of the bad line.
        smtp::reply_reader reader;
        std::optional<error> got;
        for (std::size_t at = 0; at < input.size() && !got; ++at)
            if (const auto taken = reader.feed(input.substr(at, 1)); !taken) got = taken.error();
        CHECK(got == error::bad_reply);
        CHECK_FALSE(reader.complete());
    }
}

TEST_CASE("reply reader: a line may have 512 octets and a reply 128 lines", "[smtp]")
{
    CHECK(limits::reply_line_octets == 512);
    CHECK_FALSE(error_of(line_of(512)));
    CHECK(error_of(line_of(513)) == error::line_too_long);
    CHECK(error_of(std::string(512, '2')) == error::line_too_long);
    CHECK_FALSE(error_of(line_of(511).substr(0, 510)));

    std::string many;
    for (std::size_t i = 1; i < limits::reply_lines; ++i)
        many += "250-x\r\n";
    smtp::reply_reader reader;
    REQUIRE(reader.feed(many + "250 x\r\n").has_value());
    CHECK(reader.complete());
    CHECK(reader.get().lines.size() == limits::reply_lines);
    CHECK(error_of(many + "250-x\r\n") == error::line_too_long);
}

TEST_CASE("reply reader: 10 MB without an end are refused at the first 512 octets", "[smtp]")
{
    const std::string flood(10'000'000, '\r');
    smtp::reply_reader reader;
    const auto taken = reader.feed(flood);
    REQUIRE_FALSE(taken.has_value());
    CHECK(taken.error() == error::line_too_long);
    CHECK(reader.raw().size() == limits::reply_line_octets);
}

TEST_CASE("reply reader: starts anew after reset", "[smtp]")
{
    smtp::reply_reader reader;
    REQUIRE(reader.feed("220-a\r\n220 b\r\n").has_value());
    CHECK(reader.feed("250 c\r\n").value() == 0);
    reader.reset();
    CHECK_FALSE(reader.started());
    CHECK_FALSE(reader.complete());
    REQUIRE(reader.feed("250 c\r\n").has_value());
    CHECK(reader.get() == make_reply(250, "", "c"));
    CHECK(reader.raw() == "250 c\r\n");

    // The lines of the last reply do not count against the next one.
    reader.reset();
    for (std::size_t i = 1; i < limits::reply_lines; ++i)
        REQUIRE(reader.feed("250-x\r\n").has_value());
    REQUIRE(reader.feed("250 x\r\n").has_value());
    CHECK(reader.complete());
}

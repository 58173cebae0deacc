// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/forbidden_commands.hpp"

#include "support/catch.hpp"

#include <string>

using namespace fendmail;
using smtp::forbidden_commands;

TEST_CASE("forbidden commands: verbs and patterns match without regard to case", "[smtp]")
{
    forbidden_commands commands;
    CHECK_FALSE(commands.matches("GET"));
    REQUIRE(commands.add("Get").has_value());
    REQUIRE(commands.add("/^x-.*y$/").has_value());
    CHECK(commands.matches("get"));
    CHECK(commands.matches("GET"));
    CHECK_FALSE(commands.matches("GETS"));
    CHECK(commands.matches("X-FOO-Y"));
    CHECK_FALSE(commands.matches("AX-FOO-Y"));
    CHECK_FALSE(commands.matches(""));
}

TEST_CASE("forbidden commands: a pattern meets any octet", "[smtp]")
{
    forbidden_commands commands;
    REQUIRE(commands.add("/^[^A-Z]/").has_value());
    for (int octet = 0; octet < 256; ++octet) {
        CAPTURE(octet);
        const std::string verb(1, static_cast<char>(octet));
        const bool is_letter = (octet >= 'A' && octet <= 'Z') || (octet >= 'a' && octet <= 'z');
        CHECK(commands.matches(verb) == !is_letter);
    }
}

TEST_CASE("forbidden commands: what cannot be one is an error", "[smtp]")
{
    for (const char* text : {"", "/", "/[/", "/a(/", "/(?<x>a)\\1/", "GET POST", "/no end"}) {
        CAPTURE(text);
        forbidden_commands commands;
        const auto added = commands.add(text);
        REQUIRE_FALSE(added.has_value());
        CHECK(added.error() == error::bad_pattern);
    }
}

TEST_CASE("forbidden commands: a pattern that makes others stall takes linear time", "[smtp]")
{
    forbidden_commands commands;
    REQUIRE(commands.add("/^(a+)+$/").has_value());
    CHECK_FALSE(commands.matches(std::string(60'000, 'a') + "b"));
    CHECK(commands.matches(std::string(60'000, 'a')));
}

TEST_CASE("UTF-8: what is and what is not", "[smtp]")
{
    for (const char* text : {"", "abc", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x93\xa8",
                             "\xed\x9f\xbf", "\xee\x80\x80", "\xf4\x8f\xbf\xbf"}) {
        CAPTURE(text);
        CHECK(smtp::is_utf8(text));
    }
    for (const char* text : {"\x80", "\xc3", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80",
                             "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff",
                             "\xe2\x82", "a\xc3z", "\xf0\x9f\x93"}) {
        CAPTURE(text);
        CHECK_FALSE(smtp::is_utf8(text));
    }
}

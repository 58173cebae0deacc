// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/extensions.hpp"

#include "support/catch.hpp"

#include <string>
#include <vector>

using namespace fendmail;

namespace {

smtp::extensions offered_by(std::vector<std::string> lines)
{
    return smtp::extensions{{.code = 250, .enhanced = {}, .lines = std::move(lines)}};
}

std::vector<std::string> words(std::span<const std::string> parameters)
{
    return {parameters.begin(), parameters.end()};
}

} // namespace

TEST_CASE("extensions: keywords and parameters of a backend are found in any case", "[smtp]")
{
    const auto offered =
        offered_by({"mx.example hello", "PIPELINING", "SIZE 10240000", "8bitmime",
                    "XCLIENT NAME ADDR  PROTO\tPORT ", "", "  ", "AUTH=PLAIN LOGIN"});
    CHECK(offered.has("PIPELINING"));
    CHECK(offered.has("pipelining"));
    CHECK(offered.has("8BITMIME"));
    CHECK(offered.has("XCLIENT"));
    CHECK_FALSE(offered.has("XCLIEN"));
    CHECK_FALSE(offered.has("XCLIENTS"));
    CHECK_FALSE(offered.has("ADDR"));
    CHECK_FALSE(offered.has(""));
    CHECK(words(offered.parameters("size")) == std::vector<std::string>{"10240000"});
    CHECK(words(offered.parameters("XCLIENT")) ==
          std::vector<std::string>{"NAME", "ADDR", "PROTO", "PORT"});
    CHECK(offered.parameters("PIPELINING").empty());
    CHECK(offered.parameters("STARTTLS").empty());
    CHECK(offered.has("XCLIENT", "ADDR"));
    CHECK(offered.has("xclient", "addr"));
    CHECK_FALSE(offered.has("XCLIENT", "DESTADDR"));
    CHECK_FALSE(offered.has("STARTTLS", "ADDR"));
    CHECK(offered.all().size() == 5);
    CHECK(offered.all()[2] == smtp::extension{.keyword = "8BITMIME", .parameters = {}});
}

TEST_CASE("extensions: the first line of the reply offers nothing", "[smtp]")
{
    CHECK_FALSE(offered_by({"XCLIENT ADDR"}).has("XCLIENT"));
    CHECK(offered_by({"XCLIENT ADDR"}).all().empty());
    CHECK(smtp::extensions{}.all().empty());
}

TEST_CASE("extensions: of a repeated keyword the first counts", "[smtp]")
{
    const auto offered = offered_by({"mx", "SIZE 1", "SIZE 2"});
    CHECK(words(offered.parameters("SIZE")) == std::vector<std::string>{"1"});
}

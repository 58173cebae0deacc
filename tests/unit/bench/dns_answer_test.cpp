// SPDX-License-Identifier: Apache-2.0
#include "dns/answer.hpp"
#include "support/catch.hpp"

#include <string>

namespace fendmail::dns {
namespace {

using octets = std::vector<std::uint8_t>;

/// A query with recursion desired for a name's records of this type.
octets query_for(const std::string& name, std::uint8_t type = 1)
{
    octets made{0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
    std::size_t begin = 0;
    while (begin < name.size()) {
        const auto end = std::min(name.find('.', begin), name.size());
        made.push_back(static_cast<std::uint8_t>(end - begin));
        made.insert(made.end(), name.begin() + static_cast<long>(begin),
                    name.begin() + static_cast<long>(end));
        begin = end + 1;
    }
    made.insert(made.end(), {0, 0, type, 0, 1});
    return made;
}

constexpr network listed{0x7f400000, 10};

/// NOERROR with an address, NXDOMAIN or NODATA; "-" for no answer.
std::string kind_of(const octets& query)
{
    const auto reply = answer(query, listed);
    if (!reply) return "-";
    if (((*reply)[3] & 0x0f) == 3) return "NXDOMAIN";
    return (*reply)[7] == 1 ? "listed" : "NODATA";
}

TEST_CASE("clients of the network and the test entry are listed in whatever zone")
{
    CHECK(kind_of(query_for("1.0.64.127.bl.test")) == "listed");
    CHECK(kind_of(query_for("255.255.127.127.a.b.c")) == "listed");
    CHECK(kind_of(query_for("2.0.0.127.bl.test")) == "listed");
    CHECK(kind_of(query_for("1.0.0.127.bl.test")) == "NXDOMAIN");
    CHECK(kind_of(query_for("1.0.128.127.bl.test")) == "NXDOMAIN");
    CHECK(kind_of(query_for("bl.test")) == "NXDOMAIN");
    CHECK(kind_of(query_for("1.x.64.127.bl.test")) == "NXDOMAIN");
    CHECK(kind_of(query_for("1.0.64.127.bl.test", 16)) == "NODATA");
}

TEST_CASE("an answer repeats the identifier and the question, and holds 127.0.0.2")
{
    const auto query = query_for("1.0.64.127.bl.test");
    const auto reply = answer(query, listed);
    REQUIRE(reply.has_value());
    CHECK((*reply)[0] == 0x12);
    CHECK((*reply)[1] == 0x34);
    CHECK(octets(reply->begin() + 12, reply->begin() + static_cast<long>(query.size())) ==
          octets(query.begin() + 12, query.end()));
    CHECK(octets(reply->end() - 4, reply->end()) == octets{127, 0, 0, 2});
}

TEST_CASE("every cut of a query goes without an answer")
{
    const auto whole = query_for("1.0.64.127.bl.test");
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const octets cut(whole.begin(), whole.begin() + static_cast<long>(size));
        CAPTURE(size);
        CHECK(kind_of(cut) == "-");
    }
}

TEST_CASE("networks are read with and without a length")
{
    CHECK(parse_network("127.64.0.0/10")->address == 0x7f400000);
    CHECK(parse_network("127.64.0.0/10")->prefix_length == 10);
    CHECK(parse_network("1.2.3.4")->prefix_length == 32);
    for (const auto* bad : {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.4/33", "1.2.3.4/", "a"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_network(bad).has_value());
    }
}

} // namespace
} // namespace fendmail::dns

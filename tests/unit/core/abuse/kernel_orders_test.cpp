// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/abuse/kernel_orders.hpp"

#include "support/catch.hpp"

#include <array>
#include <string>
#include <string_view>
#include <vector>

using namespace fendmail;
using namespace fendmail::abuse;

namespace {

ip_address at(std::string_view text)
{
    return parse_address(text).value();
}

} // namespace

TEST_CASE("what is said to the kernel's helper is understood there")
{
    const std::vector<kernel_order> all{
        kernel_all{64, {25}},
        kernel_all{48, {25, 587}},
        kernel_all{128, {}},
        kernel_end{},
        kernel_ban{at("192.0.2.1"), seconds{21600}},
        kernel_ban{at("2001:db8:1:2::"), seconds{1}},
        kernel_unban{at("192.0.2.1")},
        kernel_unban{at("2001:db8::")},
    };
    for (const auto& one : all) {
        const auto line = write_line(one);
        CAPTURE(line);
        REQUIRE(parse_kernel_order(line) == one);
        CHECK(line.size() <= kernel_line_octets);
    }
}

TEST_CASE("the lines are as the header shows them")
{
    CHECK(write_line(kernel_all{64, {25, 587}}) == "all ipv6-prefix=64 ports=25,587");
    CHECK(write_line(kernel_ban{at("192.0.2.1"), seconds{21600}}) == "ban 192.0.2.1 21600");
    CHECK(write_line(kernel_unban{at("192.0.2.1")}) == "unban 192.0.2.1");
    CHECK(write_line(kernel_end{}) == "end");
    kernel_state state;
    state.held = 12;
    state.dropped = 345;
    state.trouble = "the kernel's set is full";
    CHECK(write_line(state) == "state held=12 missing=0 dropped=345 trouble=the kernel's set is "
                               "full");
}

TEST_CASE("a line that is none of theirs is nothing")
{
    constexpr std::array<std::string_view, 25> lines{
        "",
        " ",
        "ban",
        "ban 192.0.2.1",
        "ban 192.0.2.1 0",
        "ban 192.0.2.1 -1",
        "ban 192.0.2.1 12s",
        "ban 192.0.2.1 12 13",
        "ban 192.0.2.0/24 12",
        "ban 192.0.2.1 99999999999999999999",
        "ban 192.0.2.1 315360001",
        "unban",
        "unban 192.0.2.1 ",
        "unban x",
        "end ",
        "end 1",
        "END",
        "all",
        "all ipv6-prefix=64",
        "all ipv6-prefix=0 ports=25",
        "all ipv6-prefix=129 ports=25",
        "all ipv6-prefix=64 ports=0",
        "all ipv6-prefix=64 ports=25,,26",
        "all ipv6-prefix=64 ports=65536",
        "all ipv6-prefix=64 ports=25 more",
    };
    for (const auto line : lines) {
        CAPTURE(line);
        CHECK_FALSE(parse_kernel_order(line));
    }
    CHECK_FALSE(parse_kernel_order("ban 192.0.2.1 " + std::string(kernel_line_octets, '0') + "1"));
}

TEST_CASE("more ports than the helper takes are not said, and not taken")
{
    kernel_all all;
    for (std::uint16_t port = 1; port <= kernel_ports_max + 1; ++port)
        all.ports.push_back(port);
    const auto said = parse_kernel_order(write_line(all));
    REQUIRE(said);
    CHECK(std::get<kernel_all>(*said).ports.size() == kernel_ports_max);
    std::string line{"all ipv6-prefix=64 ports=1"};
    for (std::size_t i = 0; i < kernel_ports_max; ++i)
        line += ",1";
    CHECK_FALSE(parse_kernel_order(line));
}

TEST_CASE("a ban is said for at least a second and at most ten years")
{
    CHECK(write_line(kernel_ban{at("192.0.2.1"), seconds{-5}}) == "ban 192.0.2.1 1");
    CHECK(write_line(kernel_ban{at("192.0.2.1"), seconds{400'000'000}}) ==
          "ban 192.0.2.1 315360000");
}

TEST_CASE("what the helper says of itself is understood")
{
    for (const std::string trouble : {"", "no right", "x=y z"}) {
        kernel_state state;
        state.held = 1;
        state.missing = 2;
        state.dropped = 18446744073709551615ULL;
        state.trouble = trouble;
        CHECK(parse_kernel_state(write_line(state)) == state);
    }
}

TEST_CASE("a trouble is one line of ASCII, and not without end")
{
    kernel_state state;
    state.trouble = "a\nb\xC3\xA4" + std::string(1000, 'x');
    const auto line = write_line(state);
    CHECK(line.size() <= kernel_line_octets);
    CHECK(line.find('\n') == std::string::npos);
    const auto back = parse_kernel_state(line);
    REQUIRE(back);
    CHECK(back->trouble.starts_with("a b  xxx"));
}

TEST_CASE("a state that is none is nothing")
{
    constexpr std::array<std::string_view, 8> lines{
        "",
        "state",
        "state held=1",
        "state held=1 missing=2",
        "state held=1 missing=2 dropped=",
        "state held=-1 missing=2 dropped=3",
        "state held=1 missing=2 dropped=3 more",
        "held=1 missing=2 dropped=3",
    };
    for (const auto line : lines) {
        CAPTURE(line);
        CHECK_FALSE(parse_kernel_state(line));
    }
}

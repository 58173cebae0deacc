// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/dns/udp_drops.hpp"

#include "fendmail/io/os/unique_fd.hpp"
#include "support/catch.hpp"

#include <array>
#include <cstdio>
#include <cstring>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>

using namespace fendmail;
using namespace fendmail::io;

namespace {

constexpr std::string_view head =
    "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
    "inode ref pointer drops             \n";

/// As this machine's kernel would print an address.
std::string hex_of(const ip_address& address)
{
    std::string out;
    const auto octets = address.octets();
    for (std::size_t at = 0; at < octets.size(); at += 4) {
        std::uint32_t word = 0;
        std::memcpy(&word, octets.data() + at, 4);
        std::array<char, 9> text{};
        std::snprintf(text.data(), text.size(), "%08X", word);
        out += text.data();
    }
    return out;
}

std::string line(const char* address, const char* port, const char* remote, const char* drops)
{
    return "  408: " + hex_of(*parse_address(address)) + ":" + port + " " + remote +
           " 07 00000000:00000000 00:00000000 00000000   104        0 17311 2 ffff9c0f84a3a400 " +
           drops + "         \n";
}

constexpr const char* nobody4 = "00000000:0000";
constexpr const char* nobody6 = "00000000000000000000000000000000:0000";

} // namespace

TEST_CASE("udp drops: the kernel's tables are read line by line", "[udp_drops]")
{
    struct row {
        const char* title;
        std::string text;
        std::vector<udp_receiver> want;
    };
    const row rows[] = {
        {"nothing", "", {}},
        {"a head alone", std::string{head}, {}},
        {"IPv4",
         std::string{head} + line("127.0.0.1", "0035", nobody4, "1234"),
         {{*parse_endpoint("127.0.0.1:53"), 1234}}},
        {"IPv6",
         std::string{head} + line("2001:db8::53", "14E9", nobody6, "7"),
         {{*parse_endpoint("[2001:db8::53]:5353"), 7}}},
        {"two lines, the last without an end",
         line("0.0.0.0", "0035", nobody4, "0") + line("::", "0035", nobody6, "99").substr(0, 180),
         {{*parse_endpoint("0.0.0.0:53"), 0}, {*parse_endpoint("[::]:53"), 99}}},
        {"a socket that is connected to somebody is no server",
         line("127.0.0.1", "0035", "0100007F:D431", "5"),
         {}},
        {"a large count",
         line("127.0.0.1", "0035", nobody4, "18446744073709551615"),
         {{*parse_endpoint("127.0.0.1:53"), 18446744073709551615ULL}}},
        {"no count", line("127.0.0.1", "0035", nobody4, ""), {}},
        {"a count that is none", line("127.0.0.1", "0035", nobody4, "-1"), {}},
        {"no port", "  1: 0100007F 00000000:0000 07 0:0 0:0 0 0 0 0 2 0 3\n", {}},
        {"a short address", "  1: 00007F:0035 00000000:0000 07 0:0 0:0 0 0 0 0 2 0 3\n", {}},
        {"no hexadecimal digits",
         "  1: 0100007G:0035 00000000:0000 07 0:0 0:0 0 0 0 0 2 0 3\n",
         {}},
        {"noise", "\n\n  \n: : :\n", {}},
    };
    for (const row& r : rows) {
        CAPTURE(r.title);
        CHECK(parse_udp_receivers(r.text) == r.want);
    }
}

TEST_CASE("udp drops: every cut of a table is read without harm", "[udp_drops]")
{
    const std::string text = std::string{head} + line("127.0.0.1", "0035", nobody4, "12") +
                             line("::1", "0035", nobody6, "34");
    for (std::size_t size = 0; size <= text.size(); ++size)
        CHECK(parse_udp_receivers(std::string_view{text}.substr(0, size)).size() <= 2);
}

TEST_CASE("udp drops: all sockets that take an address's datagrams count", "[udp_drops]")
{
    const std::vector<udp_receiver> receivers{
        {*parse_endpoint("127.0.0.1:53"), 1},  {*parse_endpoint("127.0.0.1:53"), 2},
        {*parse_endpoint("127.0.0.53:53"), 4}, {*parse_endpoint("0.0.0.0:5353"), 8},
        {*parse_endpoint("[::]:5353"), 16},    {*parse_endpoint("[::1]:53"), 32},
    };
    const auto at = [&](const char* where) { return drops_at(receivers, *parse_endpoint(where)); };
    CHECK(at("127.0.0.1:53") == 3U); // several threads, several sockets
    CHECK(at("127.0.0.53:53") == 4U);
    CHECK(at("192.0.2.1:5353") == 24U);
    CHECK(at("[2001:db8::1]:5353") == 16U);
    CHECK(at("[::1]:53") == 32U);
    CHECK(at("127.0.0.2:53") == std::nullopt);
    CHECK(at("127.0.0.1:54") == std::nullopt);
}

TEST_CASE("udp drops: what a socket of this machine loses is seen", "[udp_drops]")
{
    const unique_fd server{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    const unique_fd client{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    REQUIRE(server);
    REQUIRE(client);
    const int small = 1;
    REQUIRE(::setsockopt(server.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const raw = reinterpret_cast<sockaddr*>(&where);
    REQUIRE(::bind(server.get(), raw, sizeof where) == 0);
    socklen_t size = sizeof where;
    REQUIRE(::getsockname(server.get(), raw, &size) == 0);
    const endpoint local{ip_address::v4({127, 0, 0, 1}), ntohs(where.sin_port)};
    CHECK(drops_here(local) == 0U);

    constexpr int sent = 200;
    const std::array<char, 100> question{};
    for (int i = 0; i < sent; ++i)
        REQUIRE(::sendto(client.get(), question.data(), question.size(), 0, raw, size) ==
                static_cast<ssize_t>(question.size()));
    int received = 0;
    std::array<char, 100> answer{};
    while (::recv(server.get(), answer.data(), answer.size(), MSG_DONTWAIT) > 0)
        ++received;
    REQUIRE(received < sent);
    CHECK(drops_here(local) == static_cast<std::uint64_t>(sent - received));
    CHECK(drops_here({*parse_address("192.0.2.53"), local.port}) == std::nullopt);
}

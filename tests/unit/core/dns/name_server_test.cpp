// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dns/name_server.hpp"

#include "support/catch.hpp"

#include <string>

using namespace fendmail;

TEST_CASE("name server: an address, with or without a port, and link-local with its interface",
          "[dns]")
{
    struct row {
        const char* text;
        const char* canonical;
        std::uint16_t port;
        const char* interface;
    };
    for (const auto& [text, canonical, port, interface] :
         {row{"192.0.2.53", "192.0.2.53", 53, ""}, row{"192.0.2.53:53", "192.0.2.53", 53, ""},
          row{"192.0.2.53:5353", "192.0.2.53:5353", 5353, ""},
          row{"2001:db8::53", "2001:db8::53", 53, ""}, row{"::1", "::1", 53, ""},
          row{"[2001:db8::53]:5353", "[2001:db8::53]:5353", 5353, ""},
          row{"fe80::1%eth0", "fe80::1%eth0", 53, "eth0"}, row{"fe80::1%2", "fe80::1%2", 53, "2"},
          row{"febf::1%br-0.7", "febf::1%br-0.7", 53, "br-0.7"},
          row{"[fe80::1%eth0]:53", "fe80::1%eth0", 53, "eth0"},
          row{"[fe80::1%eth0]:5353", "[fe80::1%eth0]:5353", 5353, "eth0"}}) {
        CAPTURE(text);
        const auto got = dns::parse_name_server(text);
        REQUIRE(got.has_value());
        CHECK(to_text(*got) == canonical);
        CHECK(got->where.port == port);
        CHECK(got->interface == interface);
    }
}

TEST_CASE("name server: what cannot be asked says why", "[dns]")
{
    struct row {
        const char* text;
        error why;
    };
    for (const auto& [text, why] :
         {row{"", error::bad_address}, row{"dns.test", error::bad_address},
          row{"192.0.2.53:0", error::bad_port}, row{"192.0.2.53:65536", error::bad_port},
          row{"192.0.2.53:", error::bad_port}, row{"[2001:db8::53]", error::bad_address},
          row{"192.0.2.53,192.0.2.54", error::bad_address}, row{"fe80::1", error::bad_interface},
          row{"[fe80::1]:53", error::bad_interface}, row{"fe80::1%", error::bad_interface},
          row{"fe80::1%a b", error::bad_interface},
          row{"fe80::1%sixteen-octets-x", error::bad_interface},
          row{"2001:db8::1%eth0", error::bad_interface},
          row{"192.0.2.53%eth0", error::bad_interface},
          row{"fe80::1%eth0:53", error::bad_interface}}) {
        CAPTURE(text);
        const auto got = dns::parse_name_server(text);
        REQUIRE_FALSE(got.has_value());
        CHECK((got.error() == why));
    }
}

TEST_CASE("named host: letters, digits, hyphens, underscores and dots, and a port", "[dns]")
{
    const auto text_of = [](const char* text, std::uint16_t port = 0) {
        const auto got = dns::parse_named_host(text, port);
        return got ? got->name + " " + std::to_string(got->port) : std::string{"-"};
    };
    CHECK(text_of("mta.internal:10025") == "mta.internal 10025");
    CHECK(text_of("MTA.Internal:25") == "mta.internal 25");
    CHECK(text_of("my_stack-postfix_1:25") == "my_stack-postfix_1 25");
    CHECK(text_of("mta.example.:25") == "mta.example. 25");
    CHECK(text_of("localhost:1") == "localhost 1");
    CHECK(text_of("unbound", 53) == "unbound 53");
    for (const auto* text : {"mta", "mta:", "mta:0", "mta:65536", "mta:x", ":25", ".:25", "a..b:25",
                             ".a:25", "-a:25", "a-:25", "a b:25", "a/b:25", "192.0.2.300:25",
                             "1.2.3:25", "10025:25", "a:25:26", "ä:25", "[::1:25"})
        CHECK(text_of(text) == "-");
    CHECK(text_of((std::string(63, 'a') + ":1").c_str()) == std::string(63, 'a') + " 1");
    CHECK(text_of((std::string(64, 'a') + ":1").c_str()) == "-");
}

TEST_CASE("server address: where it is, or a host; written back in short", "[dns]")
{
    const auto again = [](std::string_view text) {
        const auto got = dns::parse_server_address(text);
        return got ? dns::to_text(*got) : std::string{message(got.error()).substr(0, 14)};
    };
    CHECK(again("192.0.2.53") == "192.0.2.53");
    CHECK(again("192.0.2.53:53") == "192.0.2.53");
    CHECK(again("192.0.2.53:5353") == "192.0.2.53:5353");
    CHECK(again("[2001:db8::53]:5353") == "[2001:db8::53]:5353");
    CHECK(again("fe80::1%eth0") == "fe80::1%eth0");
    CHECK(again("Unbound") == "unbound");
    CHECK(again("unbound:53") == "unbound");
    CHECK(again("unbound:5353") == "unbound:5353");
    CHECK(again("192.0.2.53:0") == "port 0 cannot ");
    CHECK(again("[::1]:0") == "port 0 cannot ");
    CHECK(again("fe80::1") == "a link-local a");
    for (const auto* text :
         {"", "dns,example", "dns/example", "192.0.2.300", "unbound:0", "192.0.2.53:65536",
          "[2001:db8::53]", "192.0.2.53,192.0.2.54", " 192.0.2.53"})
        CHECK(again(text) == "not a resolver");
}

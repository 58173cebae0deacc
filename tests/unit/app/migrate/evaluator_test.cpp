// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/migrate/evaluator.hpp"

#include "support/catch.hpp"

namespace fendmail::app::postscreen {
namespace {

host_facts::interface interface(const char* address, unsigned prefix)
{
    return {*parse_address(address), static_cast<std::uint8_t>(prefix)};
}

const host_facts host{"box",
                      {interface("127.0.0.1", 8), interface("192.0.2.17", 28),
                       interface("::1", 128), interface("2001:db8::17", 64),
                       interface("10.1.2.3", 9)}};

parameters written(std::initializer_list<std::pair<const char*, const char*>> values)
{
    parameters out;
    unsigned line = 0;
    for (const auto& [name, value] : values)
        out.insert_or_assign(name, written_value{value, {"main.cf", ++line}});
    return out;
}

std::string value_of(const parameters& main, const char* name, const char* stress = "")
{
    return evaluator{main, nullptr, host, "/etc/postfix"}.value(name, stress).text;
}

} // namespace

TEST_CASE("postscreen: overrides go before main.cf, and that before defaults", "[migrate]")
{
    const auto main = written({{"smtpd_banner", "$myhostname here"}, {"myhostname", "a.example"}});
    const auto overrides = written({{"myhostname", "b.example"}});
    const evaluator plain{main, nullptr, host, "/etc/postfix"};
    const evaluator with{main, &overrides, host, "/etc/postfix"};
    CHECK(plain.value("postscreen_greet_banner").text == "a.example here");
    CHECK(with.value("postscreen_greet_banner").text == "b.example here");
    CHECK(plain.value("config_directory").text == "/etc/postfix");
    CHECK_FALSE(plain.raw("no_such_parameter").has_value());
    CHECK(plain.value("no_such_parameter").text.empty());
}

TEST_CASE("postscreen: stress is what the caller says", "[migrate]")
{
    const parameters none;
    CHECK(value_of(none, "postscreen_greet_wait") == "6s");
    CHECK(value_of(none, "postscreen_greet_wait", "yes") == "2s");
    CHECK(value_of(written({{"w", "${stress?{1}:{9}}"}, {"postscreen_greet_wait", "${w}m"}}),
                   "postscreen_greet_wait", "yes") == "1m");
}

TEST_CASE("postscreen: old names decide where the new ones are not set", "[migrate]")
{
    const auto old = written({{"postscreen_blacklist_action", "drop"}});
    CHECK(value_of(old, "postscreen_denylist_action") == "drop");
    CHECK(value_of(written({{"postscreen_blacklist_action", "drop"},
                            {"postscreen_denylist_action", "enforce"}}),
                   "postscreen_denylist_action") == "enforce");
    CHECK(value_of({}, "postscreen_denylist_action") == "ignore");
    CHECK(value_of(written({{"postscreen_dnsbl_ttl", "2h"}}), "postscreen_dnsbl_max_ttl") == "2hh");
}

TEST_CASE("postscreen: the origin of a value is what is set, through references", "[migrate]")
{
    const auto main = written({{"smtpd_client_connection_count_limit", "7"},
                               {"mydomain", "example.org"},
                               {"postscreen_whitelist_interfaces", "static:all"}});
    const evaluator values{main, nullptr, host, "/etc/postfix"};
    const auto name_of = [&](const char* name) {
        const auto found = values.find_origin(name);
        return found ? found->name : std::string{};
    };
    CHECK(name_of("postscreen_client_connection_count_limit") ==
          "smtpd_client_connection_count_limit");
    CHECK(name_of("postscreen_allowlist_interfaces") == "postscreen_whitelist_interfaces");
    CHECK(name_of("postscreen_greet_ttl").empty());
}

TEST_CASE("postscreen: host name and domain are made as Postfix makes them", "[migrate]")
{
    CHECK(value_of({}, "myhostname") == "box.localdomain");
    CHECK(value_of({}, "mydomain") == "localdomain");
    CHECK(value_of(written({{"mydomain", "example.org"}}), "myhostname") == "box.example.org");
    CHECK(value_of(written({{"myhostname", "mx.example.net"}}), "mydomain") == "example.net");
    CHECK(value_of(written({{"d", "example.net"}, {"myhostname", "mx.$d"}}), "mydomain") ==
          "example.net");
    // Each would need the other.
    CHECK(value_of(written({{"myhostname", "mx.$mydomain"}}), "myhostname") == "mx.");
    CHECK(value_of({}, "smtpd_banner") == "box.localdomain ESMTP Postfix");
}

TEST_CASE("postscreen: mynetworks are this host's own unless set", "[migrate]")
{
    CHECK(value_of({}, "mynetworks") ==
          "127.0.0.0/8 192.0.2.16/28 10.0.0.0/9 [::1]/128 [2001:db8::]/64");
    CHECK(value_of(written({{"compatibility_level", "2"}}), "mynetworks") ==
          "127.0.0.1/32 192.0.2.17/32 10.1.2.3/32 [::1]/128 [2001:db8::17]/128");
    CHECK(own_networks(host, "class", "all", "ipv4") == "127.0.0.0/8 192.0.2.0/24 10.0.0.0/8");
    CHECK(own_networks(host, "subnet", "loopback-only", "all") == "127.0.0.0/8 [::1]/128");
    CHECK(own_networks(host, "host", "192.0.2.17, [2001:db8::17]", "ipv6, ipv4") ==
          "192.0.2.17/32 [2001:db8::17]/128");
    CHECK(own_networks(host, "host", "all", "ipv6") == "[::1]/128 [2001:db8::17]/128");
}

} // namespace fendmail::app::postscreen

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/cli/check_resolvers.hpp"

#include "support/catch.hpp"

using namespace fendmail;
using namespace fendmail::app;
using lines = std::vector<std::string>;

TEST_CASE("check: the system's name servers are those of resolv.conf", "[check]")
{
    struct row {
        const char* text;
        lines want;
    };
    static const row rows[] = {
        {"", {}},
        {"nameserver 127.0.0.53\n", {"127.0.0.53"}},
        {"nameserver\t192.0.2.1 \r\nnameserver 2001:db8::1 # second\n",
         {"192.0.2.1", "2001:db8::1"}},
        {"nameserver 192.0.2.1", {"192.0.2.1"}},
        {"# nameserver 192.0.2.1\n; nameserver 192.0.2.2\nsearch nameserver\n", {}},
        {"nameserver\nnameservers 192.0.2.1\nnameserver192.0.2.1\n", {}},
    };
    for (const row& r : rows) {
        CAPTURE(r.text);
        CHECK(name_servers_of(r.text) == r.want);
    }
}

TEST_CASE("check: of name servers that are not here, and of no lists, nothing is said", "[check]")
{
    runtime_config config;
    config.resolvers = {"192.0.2.53", "not a resolver"};
    CHECK(lost_questions(config).empty());
    config.dnsbl_sites = dnsbl::make_site_set({*dnsbl::parse_site("a.test")}, {});
    CHECK(lost_questions(config).empty());
}

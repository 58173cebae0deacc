// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/server/own_descriptors.hpp"

#include "fendmail/io/dns/resolver.hpp"

#include "support/catch.hpp"
#include "support/servers.hpp"

using namespace fendmail;
using namespace fendmail::app;

namespace {

dnsbl::site_set sites_of(std::initializer_list<const char*> texts)
{
    std::vector<dnsbl::site> sites;
    for (const auto* text : texts)
        sites.push_back(*dnsbl::parse_site(text));
    return dnsbl::make_site_set(sites, {});
}

} // namespace

TEST_CASE("own descriptors: grow with workers, their resolvers and the servers of each", "[app]")
{
    runtime_config config;
    io::server_book book;
    book.system = {*dns::parse_name_server("192.0.2.1")};
    const auto one_server = io::resolver::descriptors_max(1);
    CHECK(one_server >= 16 + 32);
    const auto one = own_descriptors(config, book, 1, 2);
    CHECK(own_descriptors(config, book, 2, 2) - one >= one_server);
    CHECK(own_descriptors(config, book, 1, 7) == one + 2 * 5);

    book.system.push_back(*dns::parse_name_server("192.0.2.2"));
    const auto two_servers = own_descriptors(config, book, 1, 2);
    CHECK(two_servers == one + 3 * (io::resolver::descriptors_max(2) - one_server));

    config.dnsbl_sites = sites_of({"a.test", "b.test", "c.test"});
    CHECK(own_descriptors(config, book, 1, 2) == two_servers);
    config.dnsbl_sites.zones[0].resolvers = test_support::servers({"192.0.2.3"});
    config.dnsbl_sites.zones[1].resolvers = test_support::servers({"192.0.2.3"});
    CHECK(own_descriptors(config, book, 1, 2) == two_servers + one_server);
    config.dnsbl_sites.zones[2].resolvers = test_support::servers({"192.0.2.4"});
    CHECK(own_descriptors(config, book, 1, 2) == two_servers + 2 * one_server);
}

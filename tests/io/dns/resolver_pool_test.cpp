// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/dns/resolver_pool.hpp"

#include "support/catch.hpp"
#include "support/dns_server.hpp"
#include "support/run_until.hpp"
#include "support/servers.hpp"

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace fendmail;
using namespace std::chrono_literals;
using io::resolver_pool;
using test::dns_reply;
using test::dns_server;
using test::run_until;

namespace {

dnsbl::site_set sites(std::initializer_list<const char*> zones)
{
    std::vector<dnsbl::site> all;
    for (const char* zone : zones)
        all.push_back(*dnsbl::parse_site(zone));
    return dnsbl::make_site_set(all, {});
}

std::shared_ptr<const io::server_book> book_of(const dns::server_address& system)
{
    io::server_book book;
    book.system = {std::get<dns::name_server>(system)};
    return std::make_shared<const io::server_book>(book);
}

} // namespace

TEST_CASE("resolver pool: zones have the common resolver, or that of their own servers", "[dns]")
{
    boost::asio::io_context context;
    resolver_pool pool{context, test_support::servers({"192.0.2.1"}), nullptr};
    auto set = sites({"a.test", "b.test", "c.test", "d.test"});
    set.zones[1].resolvers = test_support::servers({"192.0.2.2"});
    set.zones[2].resolvers = test_support::servers({"192.0.2.2"});
    set.zones[3].resolvers = test_support::servers({"192.0.2.3"});
    CHECK(pool.of(set.zones[1]) == pool.common()); // not prepared
    pool.prepare(set);
    CHECK(pool.of(set.zones[0]) == pool.common());
    CHECK(pool.of(set.zones[1]) == pool.of(set.zones[2]));
    CHECK(pool.name_of(set.zones[0]) == "192.0.2.1");
    CHECK(pool.name_of(set.zones[1]) == "192.0.2.2");
    CHECK(pool.name_of(set.zones[3]) == "192.0.2.3");
}

TEST_CASE("resolver pool: another set keeps the resolvers that it names too", "[dns]")
{
    boost::asio::io_context context;
    resolver_pool pool{context, test_support::servers({"192.0.2.1"}), nullptr};
    auto before = sites({"a.test", "b.test"});
    before.zones[0].resolvers = test_support::servers({"192.0.2.2"});
    before.zones[1].resolvers = test_support::servers({"192.0.2.3"});
    pool.prepare(before);
    const auto common = pool.common();
    const auto kept = pool.of(before.zones[0]);
    const std::weak_ptr<io::resolver> dropped = pool.of(before.zones[1]);

    auto after = sites({"c.test", "d.test"});
    after.zones[0].resolvers = test_support::servers({"192.0.2.2"});
    pool.prepare(after);
    CHECK(pool.common() == common);
    CHECK(pool.of(after.zones[0]) == kept);
    CHECK(pool.of(after.zones[1]) == common);
    CHECK(dropped.expired());
}

TEST_CASE("resolver pool: another common one does not end what the old one has been asked", "[dns]")
{
    boost::asio::io_context context;
    dns_server first;
    dns_server second;
    first.on("held.test", dns_reply::a({"192.0.2.7"}, 60s).held());
    resolver_pool pool{context, {first.address()}, nullptr};
    const auto old = pool.common();
    std::vector<dns::answer> answers;
    old->query_a("held.test", [&answers](const dns::answer& got) { answers.push_back(got); });
    REQUIRE(run_until(context, [&first] { return first.queries("held.test") == 1; }));

    pool.set_common({second.address()});
    CHECK(pool.common() != old);
    pool.common()->query_a("new.test",
                           [&answers](const dns::answer& got) { answers.push_back(got); });
    REQUIRE(run_until(context, [&answers] { return answers.size() == 1; }));
    CHECK(second.queries("new.test") == 1);
    first.release();
    REQUIRE(run_until(context, [&answers] { return answers.size() == 2; }));
    CHECK(answers.back().addresses.size() == 1);
}

TEST_CASE("resolver pool: other servers in the book are asked what is not answered yet", "[dns]")
{
    boost::asio::io_context context;
    dns_server first;
    dns_server second;
    first.on("held.test", dns_reply::silence());
    second.on("held.test", dns_reply::a({"192.0.2.7"}, 60s));
    const auto before = book_of(first.address());
    resolver_pool pool{context, {}, before};
    const auto common = pool.common();
    std::vector<dns::answer> answers;
    common->query_a("held.test", [&answers](const dns::answer& got) { answers.push_back(got); });
    REQUIRE(run_until(context, [&first] { return first.queries("held.test") == 1; }));

    CHECK_FALSE(pool.use(before));
    CHECK(pool.use(book_of(second.address())));
    CHECK(pool.common() == common);
    REQUIRE(run_until(context, [&answers] { return answers.size() == 1; }));
    CHECK(answers.front().addresses.size() == 1);
}

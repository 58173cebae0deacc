// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/dnsbl/name_lookup.hpp"

#include "support/catch.hpp"
#include "support/dns_server.hpp"
#include "support/run_until.hpp"

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

using namespace fendmail;
using namespace std::chrono_literals;
using dnsbl::name_signal;
using test::dns_reply;
using test::dns_server;
using test::run_until;

namespace Catch {
template <>
struct StringMaker<fendmail::dnsbl::name_signal> {
    static std::string convert(fendmail::dnsbl::name_signal s) { return std::string{to_string(s)}; }
};
} // namespace Catch

namespace {

const char* const ptr_name = "1.2.0.192.in-addr.arpa";

struct counting_waiter final : io::waiter {
    void wake() noexcept override { ++calls; }
    int calls = 0;
};

struct fixture {
    dns_server server;
    boost::asio::io_context context;
    io::deadline_queue deadlines{context};
    std::shared_ptr<io::resolver> resolver =
        std::make_shared<io::resolver>(context, dns::server_list{server.address()});
    counting_waiter who;
    std::optional<io::name_lookup> lookup;

    void start(const char* client = "192.0.2.1", milliseconds timeout = 20s)
    {
        who.calls = 0;
        lookup.emplace(deadlines, resolver, *parse_address(client), timeout, who);
        CHECK_FALSE(lookup->done());
        CHECK(who.calls == 0);
    }
    dnsbl::name_finding look_up(const char* client = "192.0.2.1", milliseconds timeout = 20s)
    {
        start(client, timeout);
        REQUIRE(run_until(context, [this] { return lookup->done(); }));
        CHECK(who.calls == 1);
        return lookup->finding();
    }
};

} // namespace

TEST_CASE("name lookup: a name that leads back, by a CNAME as well", "[dns]")
{
    fixture f;
    f.server.on("PTR", ptr_name, dns_reply::ptr({"other.test", "mx.test"}, 60s));
    f.server.on("A", "other.test", dns_reply::nxdomain(60s, 60s));
    f.server.on("A", "mx.test", dns_reply::a({"192.0.2.9", "192.0.2.1"}, 30s));
    const auto found = f.look_up();
    CHECK(found.signal == name_signal::none);
    CHECK(found.complete);
    CHECK(found.name == "other.test");

    // RFC 2317: the PTR records of a small network stand elsewhere.
    f.server.on("PTR", ptr_name,
                dns_reply::ptr({"mx.test"}, 60s).behind_cname("1.0-7.2.0.192.in-addr.arpa"));
    CHECK(f.look_up().signal == name_signal::none);
    CHECK((f.lookup->finding().ttl == 30s));
}

TEST_CASE("name lookup: the signals, for both families", "[dns]")
{
    fixture f;
    f.server.on("PTR", ptr_name, dns_reply::nxdomain(60s, 60s));
    CHECK(f.look_up().signal == name_signal::no_ptr);
    f.server.on("PTR", ptr_name, dns_reply::nodata(60s, 60s));
    CHECK(f.look_up().signal == name_signal::no_ptr);
    f.server.on("PTR", ptr_name, dns_reply::ptr({"mx.test"}, 60s));
    f.server.on("A", "mx.test", dns_reply::a({"192.0.2.9"}, 30s));
    f.server.on("AAAA", "mx.test", dns_reply::aaaa({"2001:db8::1"}, 30s));
    CHECK(f.look_up().signal == name_signal::unconfirmed_ptr);
    CHECK(f.lookup->finding().name == "mx.test");

    f.server.on("PTR", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
                dns_reply::ptr({"mx.test"}, 60s));
    const auto v6 = f.look_up("2001:db8::1");
    CHECK(v6.signal == name_signal::none);
    CHECK(v6.complete);
}

TEST_CASE("name lookup: trouble with DNS is no signal", "[dns]")
{
    fixture f;
    f.server.on("PTR", ptr_name, dns_reply::servfail());
    CHECK(f.look_up().signal == name_signal::none);
    CHECK_FALSE(f.lookup->finding().complete);
    f.server.on("PTR", ptr_name, dns_reply::garbage());
    CHECK(f.look_up().signal == name_signal::none);

    f.server.on("PTR", ptr_name, dns_reply::ptr({"mx.test"}, 60s));
    f.server.on("A", "mx.test", dns_reply::servfail());
    CHECK(f.look_up().signal == name_signal::none);
    CHECK_FALSE(f.lookup->finding().complete);
    f.server.on("A", "mx.test", dns_reply::silence());
    CHECK(f.look_up("192.0.2.1", 200ms).signal == name_signal::none);
    CHECK_FALSE(f.lookup->finding().complete);
    f.server.on("PTR", ptr_name, dns_reply::silence());
    CHECK(f.look_up("192.0.2.1", 200ms).signal == name_signal::none);
}

TEST_CASE("name lookup: it ends with its owner, and without a resolver", "[dns]")
{
    fixture f;
    f.server.on("PTR", ptr_name, dns_reply::ptr({"mx.test"}, 60s).held());
    f.start();
    REQUIRE(run_until(f.context, [&f] { return f.server.queries() == 1; }));
    f.lookup.reset();
    f.server.release();
    REQUIRE(run_until(f.context, [&f] { return f.resolver->running() == 0; }));
    CHECK(f.who.calls == 0);
    CHECK(f.server.queries() == 1); // it is not wanted any more

    f.server.on("PTR", ptr_name, dns_reply::silence());
    f.start("192.0.2.1", 200ms);
    f.resolver.reset();
    REQUIRE(run_until(f.context, [&f] { return f.lookup->done(); }));
    CHECK(f.lookup->finding().signal == name_signal::none);

    const io::name_lookup none{f.deadlines, nullptr, *parse_address("192.0.2.1"), 1s, f.who};
    CHECK(none.done());
    CHECK_FALSE(none.finding().complete);
}

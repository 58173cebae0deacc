// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/dns/spf_lookup.hpp"

#include "support/catch.hpp"
#include "support/dns_server.hpp"
#include "support/run_until.hpp"
#include "support/spf_records.hpp"

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

using namespace fendmail;
using namespace std::chrono_literals;
using io::spf_lookup;
using test::dns_reply;
using test::dns_server;
using test::put_spf;
using test::run_until;
using list = std::vector<std::string>;

namespace Catch {
template <>
struct StringMaker<fendmail::spf::outcome> {
    static std::string convert(fendmail::spf::outcome what) { return std::string{to_string(what)}; }
};
} // namespace Catch

namespace {

struct fixture {
    dns_server server;
    boost::asio::io_context context;

    spf::expansion look_up(const std::string& domain, io::spf_lookup_limits limits = {})
    {
        std::optional<spf::expansion> got;
        spf_lookup lookup{context,
                          {server.address()},
                          domain,
                          [&got](spf::expansion result) { got = std::move(result); },
                          limits};
        CHECK_FALSE(got); // never from within the call
        REQUIRE(run_until(context, [&got] { return got.has_value(); }));
        return *got;
    }
};

list texts(const spf::expansion& of)
{
    list all;
    for (const auto& net : of.networks)
        all.push_back(to_text(net));
    return all;
}

} // namespace

TEST_CASE("spf lookup: nested records of a real structure", "[spf][dns]")
{
    fixture f;
    test::put_google(f.server);
    const auto got = f.look_up("gmail.com");
    CHECK(got.what == spf::outcome::complete);
    CHECK(texts(got) ==
          list{"192.0.2.0/24", "198.51.100.0/25", "203.0.113.0/24", "2001:db8:4000::/36"});
    CHECK((got.ttl == 60s));
    CHECK(f.server.queries() == 5);
}

TEST_CASE("spf lookup: addresses, mail hosts, and a record that comes over TCP", "[spf][dns]")
{
    fixture f;
    std::string many;
    for (int i = 0; i < 60; ++i)
        many += "ip4:10.0." + std::to_string(i) + ".7 ";
    f.server.on("TXT", "a.test", dns_reply::txt({"v=spf1 a mx " + many + "-all"}, 60s).truncated());
    f.server.on("A", "a.test", dns_reply::a({"192.0.2.1", "192.0.2.2"}, 60s));
    f.server.on("AAAA", "a.test", dns_reply::aaaa({"2001:db8::1"}, 60s));
    f.server.on("MX", "a.test", dns_reply::mx({"mx.a.test"}, 60s));
    f.server.on("A", "mx.a.test", dns_reply::a({"192.0.2.25"}, 60s));
    f.server.on("AAAA", "mx.a.test", dns_reply::nodata(60s, 60s));
    const auto got = f.look_up("a.test");
    CHECK(got.what == spf::outcome::complete);
    CHECK(got.networks.size() == 64);
    CHECK(f.server.tcp_queries("a.test") == 1);
    for (const char* text : {"192.0.2.1/32", "192.0.2.2/32", "192.0.2.25/32", "2001:db8::1/128"}) {
        const auto all = texts(got);
        CHECK(std::ranges::find(all, text) != all.end());
    }
}

TEST_CASE("spf lookup: no more queries run at once than allowed", "[spf][dns]")
{
    fixture f;
    std::string includes;
    for (int i = 0; i < 10; ++i) {
        const auto name = "r" + std::to_string(i) + ".test";
        includes += "include:" + name + " ";
        f.server.on("TXT", name, dns_reply::txt({"v=spf1 -all"}, 60s).held());
    }
    put_spf(f.server, "a.test", includes + "-all");
    std::optional<spf::expansion> got;
    const spf_lookup lookup{f.context,
                            {f.server.address()},
                            "a.test",
                            [&got](spf::expansion result) { got = std::move(result); },
                            {.running = 3}};
    REQUIRE(run_until(f.context, [&f] { return f.server.queries() >= 4; }));
    // There is no answer yet, so nothing more may be asked.
    for (int i = 0; i < 20; ++i)
        f.context.poll();
    CHECK(f.server.queries() == 4);
    f.server.release();
    REQUIRE(run_until(f.context, [&got] { return got.has_value(); }));
    CHECK(got->what == spf::outcome::complete);
    CHECK(f.server.queries() == 11);
}

TEST_CASE("spf lookup: when DNS fails, nothing is known and it says why", "[spf][dns]")
{
    fixture f;
    test::put_google(f.server);
    f.server.on("TXT", "_netblocks3.google.com", dns_reply::servfail());
    const auto got = f.look_up("gmail.com");
    CHECK(got.what == spf::outcome::temporary_error);
    CHECK(got.reason == "TXT of _netblocks3.google.com: SERVFAIL");
    CHECK(got.networks.empty());
    CHECK(f.look_up("unknown.test").what == spf::outcome::no_record);
}

TEST_CASE("spf lookup: it does not wait for ever", "[spf][dns]")
{
    fixture f;
    f.server.on("TXT", "a.test", dns_reply::silence());
    const auto got = f.look_up("a.test", {.time = 50ms});
    CHECK(got.what == spf::outcome::temporary_error);
    CHECK(got.reason == "not all answers came within 0 s");
}

TEST_CASE("spf lookup: its end drops the callback, and the callback may end it", "[spf][dns]")
{
    fixture f;
    int calls = 0;
    f.server.on("TXT", "held.test", dns_reply::txt({"v=spf1 -all"}, 60s).held());
    {
        const spf_lookup dropped{f.context,
                                 {f.server.address()},
                                 "held.test",
                                 [&calls](const spf::expansion&) { ++calls; }};
        REQUIRE(run_until(f.context, [&f] { return f.server.queries() == 1; }));
    }
    f.server.release();
    put_spf(f.server, "a.test", "ip4:192.0.2.1 -all");
    std::unique_ptr<spf_lookup> one;
    one = std::make_unique<spf_lookup>(f.context, dns::server_list{f.server.address()}, "a.test",
                                       [&](const spf::expansion& result) {
                                           one.reset();
                                           calls += result.networks.size() == 1 ? 10 : 0;
                                       });
    REQUIRE(run_until(f.context, [&calls] { return calls > 0; }));
    f.context.restart();
    f.context.poll();
    CHECK(calls == 10);
}

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/dns/resolver.hpp"

#include "support/catch.hpp"
#include "support/dns_server.hpp"
#include "support/run_until.hpp"
#include "support/servers.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace Catch {
template <>
struct StringMaker<fendmail::dns::outcome> {
    static std::string convert(fendmail::dns::outcome what) { return std::string{to_string(what)}; }
};
} // namespace Catch

using namespace fendmail;
using namespace std::chrono_literals;
using io::resolver;
using outcome = dns::outcome;
using test::dns_reply;
using test::dns_server;
using test::run_until;

namespace {

/// Fast enough for a test, slow enough for a busy machine.
const io::resolver_settings soon = [] {
    io::resolver_settings settings;
    settings.limits.times.unknown = 50ms;
    settings.patience = 400ms;
    return settings;
}();

const io::resolver_settings patient = [] {
    auto settings = soon;
    settings.patience = 10s;
    return settings;
}();

struct fixture {
    dns_server server;
    boost::asio::io_context context;

    dns::answer ask(resolver& from, const std::string& name,
                    dns::record_type type = dns::record_type::a)
    {
        std::optional<dns::answer> got;
        from.query(name, type, [&got](const dns::answer& answer) { got = answer; });
        CHECK_FALSE(got); // never from within the call
        REQUIRE(run_until(context, [&got] { return got.has_value(); }));
        return *got;
    }
    dns::answer ask(const std::string& name)
    {
        resolver resolver{context, {server.address()}};
        return ask(resolver, name);
    }
};

std::vector<std::string> texts(const dns::answer& answer)
{
    std::vector<std::string> all;
    for (const auto& address : answer.addresses)
        all.push_back(to_text(address));
    return all;
}

} // namespace

TEST_CASE("resolver: all addresses and the smallest TTL of a name", "[dns]")
{
    fixture f;
    f.server.on("2.0.0.127.zen.test",
                dns_reply::a({"127.0.0.2", "127.0.0.4"}, 300s).and_a("127.0.0.10", 60s));
    const auto got = f.ask("2.0.0.127.zen.test");
    CHECK(got.what == outcome::found);
    CHECK(texts(got) == std::vector<std::string>{"127.0.0.2", "127.0.0.4", "127.0.0.10"});
    CHECK((got.ttl == 60s));
    CHECK(got.reason.empty());
    CHECK(got.reached);
    CHECK(f.server.queries() == 1);
}

TEST_CASE("resolver: a negative answer holds for the smaller of the SOA's TTL and MINIMUM", "[dns]")
{
    fixture f;
    // RFC 2308 §5
    f.server.on("a.test", dns_reply::nxdomain(300s, 60s));
    f.server.on("b.test", dns_reply::nxdomain(30s, 60s));
    f.server.on("c.test", dns_reply::nodata(300s, 90s));
    f.server.on("d.test", dns_reply::nxdomain_without_soa());
    f.server.on("e.test", dns_reply::nxdomain(0x80000000s, 60s));
    struct row {
        const char* name;
        std::optional<seconds> ttl;
    };
    for (const auto& [name, ttl] : {row{"a.test", 60s}, row{"b.test", 30s}, row{"c.test", 90s},
                                    row{"d.test", std::nullopt}, row{"e.test", 0s}}) {
        CAPTURE(name);
        const auto got = f.ask(name);
        CHECK(got.what == outcome::not_found);
        CHECK((got.ttl == ttl));
        CHECK(got.addresses.empty());
        CHECK(got.reached);
    }
}

TEST_CASE("resolver: the addresses behind a CNAME count", "[dns]")
{
    fixture f;
    f.server.on("a.test", dns_reply::a({"127.0.0.2"}, 60s).behind_cname("b.test"));
    CHECK(texts(f.ask("a.test")) == std::vector<std::string>{"127.0.0.2"});
    f.server.on("c.test", dns_reply::nodata(60s, 60s).behind_cname("b.test"));
    CHECK(f.ask("c.test").what == outcome::not_found);
}

TEST_CASE("resolver: of a huge answer the first 64 addresses are taken, over TCP", "[dns]")
{
    fixture f;
    std::vector<std::string> many;
    for (int n = 0; n < 200; ++n)
        many.push_back("127.0.0." + std::to_string(n));
    f.server.on("many.test", dns_reply::a(many, 60s).truncated());
    const auto got = f.ask("many.test");
    CHECK(got.what == outcome::found);
    CHECK(got.addresses.size() == 64);
    CHECK(got.is_cut);
    CHECK(f.server.queries("many.test") == 2);
    CHECK(f.server.tcp_queries("many.test") == 1);
}

TEST_CASE("resolver: IPv6 addresses, mail hosts and texts", "[dns]")
{
    fixture f;
    f.server.on("A", "a.test", dns_reply::a({"192.0.2.1"}, 60s));
    f.server.on("AAAA", "a.test", dns_reply::aaaa({"2001:db8::1", "2001:db8::2"}, 50s));
    f.server.on("MX", "a.test", dns_reply::mx({"mx1.a.test", "MX2.a.test"}, 40s));
    f.server.on("TXT", "a.test", dns_reply::txt({"", std::string(700, 'x'), "v=spf1 -all"}, 30s));
    resolver resolver{f.context, {f.server.address()}};

    CHECK(texts(f.ask(resolver, "a.test")) == std::vector<std::string>{"192.0.2.1"});
    auto got = f.ask(resolver, "a.test", dns::record_type::aaaa);
    CHECK(got.what == outcome::found);
    CHECK(texts(got) == std::vector<std::string>{"2001:db8::1", "2001:db8::2"});
    CHECK((got.ttl == 50s));
    got = f.ask(resolver, "a.test", dns::record_type::mx);
    CHECK(got.what == outcome::found);
    CHECK(got.texts == std::vector<std::string>{"mx1.a.test", "MX2.a.test"});
    CHECK(got.addresses.empty());
    CHECK((got.ttl == 40s));
    got = f.ask(resolver, "a.test", dns::record_type::txt);
    CHECK(got.what == outcome::found);
    CHECK(got.texts == std::vector<std::string>{"", std::string(700, 'x'), "v=spf1 -all"});
    CHECK((got.ttl == 30s));
    // The texts are more than the 512 octets of UDP (RFC 1035 §4.2.1), so they came over TCP.
    CHECK(f.server.queries("a.test") == 5);
    CHECK(f.server.tcp_queries("a.test") == 1);
}

TEST_CASE("resolver: records of another type than asked for are none", "[dns]")
{
    fixture f;
    resolver resolver{f.context, {f.server.address()}};
    f.server.on("a.test", dns_reply::a({"192.0.2.1"}, 60s));
    for (const auto type : {dns::record_type::aaaa, dns::record_type::mx, dns::record_type::txt})
        CHECK(f.ask(resolver, "a.test", type).what == outcome::not_found);
    f.server.on("b.test", dns_reply::nxdomain(300s, 60s));
    for (const auto type : {dns::record_type::a, dns::record_type::aaaa, dns::record_type::mx,
                            dns::record_type::txt}) {
        const auto got = f.ask(resolver, "b.test", type);
        CHECK(got.what == outcome::not_found);
        CHECK((got.ttl == 60s));
    }
}

TEST_CASE("resolver: texts that do not fit a packet come over TCP", "[dns]")
{
    fixture f;
    const std::vector<std::string> many(20, std::string(3000, 'x'));
    f.server.on("TXT", "many.test", dns_reply::txt(many, 60s).truncated());
    resolver resolver{f.context, {f.server.address()}};
    const auto got = f.ask(resolver, "many.test", dns::record_type::txt);
    CHECK(got.what == outcome::found);
    CHECK(got.texts == many);
    CHECK(f.server.queries("many.test") == 2);
    CHECK(f.server.tcp_queries("many.test") == 1);
}

TEST_CASE("resolver: when one fails, the next one is asked for the same type", "[dns]")
{
    fixture f;
    dns_server broken;
    broken.on("a.test", dns_reply::servfail());
    f.server.on("TXT", "a.test", dns_reply::txt({"hello"}, 60s));
    resolver resolver{f.context, {broken.address(), f.server.address()}};
    CHECK(f.ask(resolver, "a.test", dns::record_type::txt).texts ==
          std::vector<std::string>{"hello"});
}

TEST_CASE("resolver: a failed answer says why", "[dns]")
{
    fixture f;
    f.server.on("servfail.test", dns_reply::servfail());
    f.server.on("refused.test", dns_reply::refused());
    f.server.on("garbage.test", dns_reply::garbage());
    for (const auto& [name, reason] :
         {std::pair{"servfail.test", "SERVFAIL"}, std::pair{"refused.test", "REFUSED"},
          std::pair{"garbage.test", "malformed answer"}}) {
        const auto got = f.ask(name);
        CHECK(got.what == outcome::failed);
        CHECK(got.reason == reason);
        CHECK(got.reached);
        CHECK(f.server.queries(name) == 1);
    }
}

TEST_CASE("resolver: a name that cannot be asked fails", "[dns]")
{
    fixture f;
    std::string label_too_long(64, 'a');
    label_too_long.append(".test"); // gcc 12 takes operator+ here for an overflow
    const auto got = f.ask(label_too_long);
    CHECK(got.what == outcome::failed);
    CHECK_FALSE(got.reason.empty());
    CHECK_FALSE(got.reached);
    CHECK(f.server.queries() == 0);
}

TEST_CASE("resolver: forged answers are not taken", "[dns]")
{
    fixture f;
    f.server.on("a.test", dns_reply::a({"127.0.0.2"}, 60s).behind_wrong_id());
    f.server.on("b.test", dns_reply::a({"127.0.0.2"}, 60s).behind_wrong_question());
    CHECK(texts(f.ask("a.test")) == std::vector<std::string>{"127.0.0.2"});
    CHECK(texts(f.ask("b.test")) == std::vector<std::string>{"127.0.0.2"});
}

TEST_CASE("resolver: an answer that comes twice is told once", "[dns]")
{
    fixture f;
    f.server.on("a.test", dns_reply::a({"127.0.0.2"}, 60s).sent(3));
    f.server.on("b.test", dns_reply::nxdomain(60s, 60s));
    resolver resolver{f.context, {f.server.address()}};
    int calls = 0;
    resolver.query_a("a.test", [&calls](const dns::answer&) { ++calls; });
    REQUIRE(run_until(f.context, [&calls] { return calls > 0; }));
    for (int n = 0; n < 3; ++n) // the copies are read on the way
        CHECK(f.ask(resolver, "b.test").what == outcome::not_found);
    CHECK(calls == 1);
    CHECK(resolver.running() == 0);
}

TEST_CASE("resolver: silence is asked again and then a timeout", "[dns]")
{
    fixture f;
    f.server.on("mute.test", dns_reply::silence());
    resolver resolver{f.context, {f.server.address()}, soon};
    const auto got = f.ask(resolver, "mute.test");
    CHECK(got.what == outcome::failed);
    CHECK(got.reason == "timeout");
    CHECK_FALSE(got.reached);
    CHECK(f.server.queries("mute.test") >= 2);
}

TEST_CASE("resolver: a lost packet is only a delay", "[dns]")
{
    fixture f;
    auto seen = std::make_shared<int>(0);
    f.server.on_others([seen](const std::string&) {
        return ++*seen == 1 ? dns_reply::silence() : dns_reply::a({"127.0.0.2"}, 60s);
    });
    resolver resolver{f.context, {f.server.address()}, patient};
    CHECK(f.ask(resolver, "a.test").what == outcome::found);
}

TEST_CASE("resolver: where nobody listens there is no answer from any server", "[dns]")
{
    fixture f;
    resolver resolver{f.context, {test::dead_resolver_address()}, soon};
    for (int n = 0; n < 3; ++n) { // its sockets are closed and opened again and again
        const auto got = f.ask(resolver, "a.test");
        CHECK(got.what == outcome::failed);
        CHECK(got.reason == "no answer from any server");
        CHECK_FALSE(got.reached);
    }
}

TEST_CASE("resolver: a dead resolver is passed over", "[dns]")
{
    fixture f;
    f.server.on("a.test", dns_reply::a({"127.0.0.2"}, 60s));
    resolver resolver{f.context, {test::dead_resolver_address(), f.server.address()}};
    for (int n = 0; n < 3; ++n)
        CHECK(f.ask(resolver, "a.test").what == outcome::found);
}

TEST_CASE("resolver: a silent resolver is passed over", "[dns]")
{
    fixture f;
    dns_server mute;
    mute.on("a.test", dns_reply::silence());
    f.server.on("a.test", dns_reply::a({"127.0.0.2"}, 60s));
    resolver resolver{f.context, {mute.address(), f.server.address()}, patient};
    CHECK(f.ask(resolver, "a.test").what == outcome::found);
    CHECK(mute.queries("a.test") >= 1);
}

TEST_CASE("resolver: when one fails, the next one is asked", "[dns]")
{
    const auto failure = GENERATE(as<dns_reply>{}, dns_reply::servfail(), dns_reply::refused(),
                                  dns_reply::garbage());
    fixture f;
    dns_server broken;
    broken.on("a.test", failure);
    resolver resolver{f.context, {broken.address(), f.server.address()}};

    f.server.on("a.test", dns_reply::a({"127.0.0.2"}, 60s));
    CHECK(f.ask(resolver, "a.test").what == outcome::found);
    CHECK(broken.queries("a.test") == 1);
    CHECK(f.server.queries("a.test") == 1);

    f.server.on("a.test", dns_reply::servfail());
    CHECK(f.ask(resolver, "a.test").reason == "SERVFAIL");
    CHECK(broken.queries("a.test") == 2);
    CHECK(f.server.queries("a.test") == 2);
}

TEST_CASE("resolver: many queries run at once", "[dns]")
{
    fixture f;
    f.server.on_others([](const std::string& name) {
        return dns_reply::a({"127.0.0." + name.substr(0, name.find('.'))}, 60s);
    });
    resolver resolver{f.context, {f.server.address()}};
    int right = 0;
    for (int n = 1; n <= 200; ++n)
        resolver.query_a(std::to_string(n) + ".a.test", [&right, n](const dns::answer& answer) {
            right += texts(answer) == std::vector{"127.0.0." + std::to_string(n)} ? 1 : 0;
        });
    CHECK(resolver.running() == 200);
    REQUIRE(run_until(f.context, [&resolver] { return resolver.running() == 0; }));
    CHECK(right == 200);
}

TEST_CASE("resolver: its end drops all callbacks", "[dns]")
{
    fixture f;
    f.server.on("held.test", dns_reply::a({"127.0.0.2"}, 60s).held());
    f.server.on("tcp.test", dns_reply::a({"127.0.0.2"}, 60s).truncated().held());
    int calls = 0;
    {
        resolver resolver{f.context, {f.server.address()}};
        for (const auto* name : {"held.test", "tcp.test", "held.test"})
            resolver.query_a(name, [&calls](const dns::answer&) { ++calls; });
        resolver.query_a(std::string(64, 'a'), [&calls](const dns::answer&) { ++calls; });
        // The name that cannot be asked fails by itself, before or after the server has the others.
        REQUIRE(run_until(f.context, [&] { return f.server.queries() >= 3 && calls == 1; }));
        resolver.query_a(std::string(64, 'a'), [&calls](const dns::answer&) { ++calls; });
    }
    f.server.release();
    dns_server other;
    resolver resolver{f.context, {other.address()}};
    CHECK(f.ask(resolver, "a.test").what == outcome::not_found);
    CHECK(calls == 1);
}

TEST_CASE("resolver: it may be destroyed by one of its callbacks", "[dns]")
{
    fixture f;
    f.server.on_others([](const std::string&) { return dns_reply::a({"127.0.0.2"}, 60s).held(); });
    auto one = std::make_unique<resolver>(f.context, std::vector{f.server.address()});
    int calls = 0;
    for (int n = 0; n < 10; ++n)
        one->query_a("a.test", [&](const dns::answer&) {
            ++calls;
            one.reset();
        });
    REQUIRE(run_until(f.context, [&f] { return f.server.queries() == 10; }));
    f.server.release();
    REQUIRE(run_until(f.context, [&calls] { return calls > 0; }));
    f.context.restart();
    f.context.poll();
    CHECK(calls == 1);
}

TEST_CASE("resolver: a callback may ask again", "[dns]")
{
    fixture f;
    f.server.on_others([](const std::string&) { return dns_reply::nxdomain(60s, 60s); });
    resolver resolver{f.context, {f.server.address()}};
    int left = 20;
    std::function<void(const dns::answer&)> again = [&](const dns::answer&) {
        if (--left > 0) resolver.query_a("a.test", again);
    };
    resolver.query_a("a.test", again);
    CHECK(run_until(f.context, [&left] { return left == 0; }));
}

TEST_CASE("resolver: with no resolver named, it starts with the system's", "[dns]")
{
    boost::asio::io_context context;
    CHECK_NOTHROW(resolver{context, {}});
}

namespace {

io::server_book book_of(const dns::server_address& system)
{
    return {{std::get<dns::name_server>(system)}, {}};
}

} // namespace

TEST_CASE("resolver: questions under way go on at the system's new servers", "[dns]")
{
    fixture f;
    f.server.on("slow.test", dns_reply::silence());
    dns_server other;
    other.on("slow.test", dns_reply::a({"127.0.0.2"}, 60s));
    const auto before = book_of(f.server.address());
    resolver asked{f.context, {}, patient, &before};
    CHECK(asked.name() == "of the system (" + dns::to_text(f.server.address()) + ")");
    std::optional<dns::answer> got;
    asked.query_a("slow.test", [&got](const dns::answer& answer) { got = answer; });
    REQUIRE(run_until(f.context, [&] { return f.server.queries("slow.test") > 0; }));
    CHECK_FALSE(asked.use(before));
    CHECK(asked.use(book_of(other.address())));
    REQUIRE(run_until(f.context, [&got] { return got.has_value(); }));
    CHECK((got->what == outcome::found));
    CHECK(asked.running() == 0);
    CHECK(asked.name() == "of the system (" + dns::to_text(other.address()) + ")");
    CHECK(asked.figures().answered == 1);
    CHECK(asked.figures().sent >= 2);
}

TEST_CASE("resolver: a named server is asked once its address is known, and at a new one then",
          "[dns]")
{
    fixture f;
    f.server.on("a.test", dns_reply::a({"127.0.0.2"}, 60s));
    const auto where = std::get<dns::name_server>(f.server.address()).where;
    const dns::named_host name{"unbound", where.port};
    io::server_book book;
    resolver asked{f.context, {name}, patient, &book};
    CHECK(asked.name() == "unbound:" + std::to_string(where.port));
    CHECK((f.ask(asked, "a.test").what == outcome::failed));
    book.hosts["unbound"] = {where.address};
    CHECK(asked.use(book));
    CHECK((f.ask(asked, "a.test").what == outcome::found));
    book.system = {{{ip_address::v4({192, 0, 2, 1}), 53}, {}}};
    CHECK_FALSE(asked.use(book));
}

TEST_CASE("resolver: an interface that is not there is no way to a server", "[dns]")
{
    fixture f;
    resolver asked{f.context, test_support::servers({"fe80::53%no-such-one"}), soon};
    const auto answer = f.ask(asked, "a.test");
    CHECK((answer.what == outcome::failed));
    CHECK_FALSE(answer.reached);
}

TEST_CASE("resolver: a resolver is reached over IPv6 too", "[dns]")
{
    boost::asio::io_context context;
    boost::system::error_code error;
    using boost::asio::ip::udp;
    udp::socket socket{context, udp::v6()};
    socket.bind({boost::asio::ip::address_v6::loopback(), 0}, error);
    if (error) {
        WARN("no IPv6 on this machine");
        return;
    }
    const auto port = std::to_string(socket.local_endpoint().port());
    resolver resolver{context, test_support::servers({"[::1]:" + port})};
    std::array<char, 512> query{};
    std::size_t got = 0;
    socket.async_receive(boost::asio::buffer(query),
                         [&got](const auto&, std::size_t size) { got = size; });
    resolver.query_a("a.test", [](const dns::answer&) {});
    CHECK(run_until(context, [&got] { return got > 0; }));
}

TEST_CASE("dns answer: cut off anywhere, it is malformed and never more", "[dns]")
{
    // Header, question "a.test A IN", A 127.0.0.2 with a compressed name, SOA of "test".
    std::vector<std::uint8_t> whole{0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1, 0, 1, 0, 0};
    const auto put = [&whole](std::initializer_list<int> octets) {
        for (const int octet : octets)
            whole.push_back(static_cast<std::uint8_t>(octet));
    };
    put({1, 'a', 4, 't', 'e', 's', 't', 0, 0, 1, 0, 1});
    put({0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 2});
    put({0xC0, 14, 0, 6, 0, 1, 0, 0, 0, 50, 0, 24, 0xC0, 14, 0xC0, 14});
    put({0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 40});

    CHECK(io::parse_dns_answer(whole, "a.test").what == outcome::found);
    CHECK(io::parse_dns_answer(whole, "A.TEST").what == outcome::found);
    CHECK(io::parse_dns_answer(whole, "b.test").reason == "malformed answer");
    for (std::size_t size = 0; size < whole.size(); ++size) {
        CAPTURE(size);
        // A copy of just this size, so that reading past its end is seen.
        const std::vector<std::uint8_t> cut(whole.begin(),
                                            whole.begin() + static_cast<std::ptrdiff_t>(size));
        const auto got = io::parse_dns_answer(cut, "a.test");
        CHECK(got.what == outcome::failed);
        CHECK(got.reason == "malformed answer");
    }
    for (std::size_t at = 0; at < whole.size(); ++at)
        for (const int value : {0, 1, 0x3F, 0x7F, 0xC0, 0xFF}) {
            auto spoiled = whole;
            spoiled[at] = static_cast<std::uint8_t>(value);
            const auto got = io::parse_dns_answer(spoiled, "a.test");
            if (got.what == outcome::found) CHECK(got.addresses.size() == 1);
        }
    auto query = whole;
    query[2] = 0x01; // not an answer: our own query comes back
    CHECK(io::parse_dns_answer(query, "a.test").reason == "malformed answer");
    auto nxdomain = whole;
    nxdomain[3] = 0x83;
    CHECK(io::parse_dns_answer(nxdomain, "a.test").what == outcome::not_found);
    CHECK((io::parse_dns_answer(nxdomain, "a.test").ttl == 40s));
}

TEST_CASE("dns answer: of every type, cut off or spoiled anywhere, it is read safely", "[dns]")
{
    struct row {
        dns::record_type type;
        std::vector<int> record; ///< type to the end of its data
        std::size_t texts;
        std::size_t addresses;
    };
    const row rows[] = {
        {dns::record_type::aaaa,
         {0, 28, 0, 1, 0, 0, 0, 60, 0, 16, 32, 1, 13, 184, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1},
         0,
         1},
        {dns::record_type::mx, {0, 15, 0, 1, 0, 0, 0, 60, 0, 6, 0, 10, 1, 'm', 0xC0, 12}, 1, 0},
        {dns::record_type::txt, {0, 16, 0, 1, 0, 0, 0, 60, 0, 6, 1, 'x', 0, 2, 'y', 'z'}, 1, 0},
    };
    for (const row& r : rows) {
        std::vector<std::uint8_t> whole{0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0};
        const auto put = [&whole](const std::vector<int>& octets) {
            for (const int octet : octets)
                whole.push_back(static_cast<std::uint8_t>(octet));
        };
        put({1, 'a', 4, 't', 'e', 's', 't', 0, 0, r.record[1], 0, 1, 0xC0, 12});
        put(r.record);
        CAPTURE(to_string(r.type));
        const auto got = io::parse_dns_answer(whole, "a.test", r.type);
        CHECK(got.what == outcome::found);
        CHECK(got.texts.size() == r.texts);
        CHECK(got.addresses.size() == r.addresses);
        if (r.type == dns::record_type::mx) CHECK(got.texts.front() == "m.a.test");
        if (r.type == dns::record_type::txt) CHECK(got.texts.front() == "xyz");
        for (const auto other : {dns::record_type::a, dns::record_type::aaaa, dns::record_type::mx,
                                 dns::record_type::txt})
            if (other != r.type)
                CHECK(io::parse_dns_answer(whole, "a.test", other).reason == "malformed answer");
        for (std::size_t size = 0; size < whole.size(); ++size) {
            const std::vector<std::uint8_t> cut(whole.begin(),
                                                whole.begin() + static_cast<std::ptrdiff_t>(size));
            CHECK(io::parse_dns_answer(cut, "a.test", r.type).reason == "malformed answer");
        }
        for (std::size_t at = 0; at < whole.size(); ++at)
            for (const int value : {0, 1, 0x3F, 0x7F, 0xC0, 0xFF}) {
                auto spoiled = whole;
                spoiled[at] = static_cast<std::uint8_t>(value);
                const auto spoilt = io::parse_dns_answer(spoiled, "a.test", r.type);
                if (spoilt.what == outcome::found)
                    CHECK(spoilt.texts.size() + spoilt.addresses.size() == 1);
            }
    }
}

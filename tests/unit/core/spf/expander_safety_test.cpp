// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/spf/expander.hpp"

#include "fendmail/core/limits.hpp"
#include "zones.hpp"

using namespace fendmail;
using spf::outcome;
using test::texts;
using test::zones;
using list = std::vector<std::string>;

// What these tests have in common: no client is permitted that a verifier would not let pass.

TEST_CASE("spf: the first mechanism that matches decides", "[spf]")
{
    struct row {
        const char* terms;
        list want;
    };
    const row rows[] = {
        {"-ip4:192.0.2.0/25 ip4:192.0.2.0/24 -all", {"192.0.2.128/25"}},
        {"ip4:192.0.2.0/24 -ip4:192.0.2.0/25 -all", {"192.0.2.0/24"}},
        {"~ip4:192.0.2.0/24 ip4:192.0.2.1 -all", {}},
        {"?ip4:192.0.2.7 ip4:192.0.2.6/31 -all", {"192.0.2.6/32"}},
        {"ip4:192.0.2.1 -ip4:192.0.2.0/24 ip4:192.0.2.0/24 -all", {"192.0.2.1/32"}},
        {"-ip4:0.0.0.0/0 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all", {"2001:db8::/32"}},
        {"-a:host.test ip4:192.0.2.0/30 -all", {"192.0.2.0/32", "192.0.2.2/31"}},
        {"-mx:a.test ip4:192.0.2.0/30 -all", {"192.0.2.0/32", "192.0.2.2/31"}},
        {"-include:inner.test ip4:192.0.2.0/30 -all", {"192.0.2.0/31", "192.0.2.3/32"}},
        {"-ip4:192.0.2.2 include:inner.test -all", {}},
        {"-ip4:192.0.2.2 redirect=wide.test", {"192.0.2.0/31", "192.0.2.3/32"}},
    };
    for (const row& r : rows) {
        CAPTURE(r.terms);
        zones dns;
        dns.spf("a.test", r.terms);
        dns.a("host.test", {"192.0.2.1"}).aaaa("host.test", {"2001:db8::1"});
        dns.mx("a.test", {"host.test"});
        dns.spf("inner.test", "-ip4:192.0.2.3 ip4:192.0.2.2/31 -all");
        dns.spf("wide.test", "ip4:192.0.2.0/30 -all");
        const auto got = dns.expand("a.test");
        CHECK(got.what == outcome::complete);
        CHECK(texts(got) == r.want);
        CHECK(got.notes.empty());
    }
}

TEST_CASE("spf: exists, ptr and macros add nobody and are told; the rest is used", "[spf]")
{
    for (const char* term : {"exists:%{i}._spf.test", "exists:here.test", "ptr", "ptr:sender.test",
                             "include:%{i}.spf.test", "include:%{d}.test", "a:%{h}/24", "mx:%{o}",
                             "exists:%{l}.x.y"}) {
        CAPTURE(term);
        zones dns;
        dns.spf("a.test", std::string{"ip4:192.0.2.1 "} + term + " ip4:192.0.2.3 -all");
        const auto got = dns.expand("a.test");
        CHECK(got.what == outcome::complete);
        CHECK(texts(got) == list{"192.0.2.1/32", "192.0.2.3/32"});
        CHECK(got.notes == list{std::string{"\""} + term + "\" of a.test is not expanded"});
        CHECK(dns.asked.size() == 1);

        // With another qualifier it is not known what it takes out of what follows.
        dns.spf("a.test", std::string{"ip4:192.0.2.1 -"} + term +
                              " ip4:192.0.2.3 include:b.test redirect=b.test");
        dns.spf("b.test", "ip4:198.51.100.1 -all");
        const auto guarded = dns.expand("a.test");
        CHECK(guarded.what == outcome::complete);
        CHECK(texts(guarded) == list{"192.0.2.1/32"});
        REQUIRE(guarded.notes.size() == 2);
        CHECK(guarded.notes[1] == std::string{"nothing behind \"-"} + term +
                                      "\" of a.test is used, since it cannot be told whom that "
                                      "excludes");
    }
    zones dns;
    dns.spf("a.test", "ip4:192.0.2.1 redirect=%{d}.x.test");
    CHECK(dns.expand("a.test").notes == list{"\"redirect=%{d}.x.test\" of a.test is not expanded"});
}

TEST_CASE("spf: what an include matches is known only if all of it is", "[spf]")
{
    zones dns;
    dns.spf("a.test", "-include:b.test ip4:192.0.2.0/24 -all");
    dns.spf("c.test", "ip4:192.0.2.2 -all");
    for (const char* inner :
         {"ip4:192.0.2.1 exists:%{i}.x.test -all", "ip4:192.0.2.1 +all", "ip4:192.0.0.0/7 -all",
          "ip4:192.0.2.1 -ptr ip4:192.0.2.2 -all", "ip4:192.0.2.1 -ptr redirect=c.test"}) {
        CAPTURE(inner);
        dns.spf("b.test", inner);
        const auto got = dns.expand("a.test");
        CHECK(got.what == outcome::complete);
        CHECK(texts(got).empty());
        CHECK(got.notes.size() >= 2);
    }
    dns.spf("b.test", "ip4:192.0.2.0/25 -ptr");
    CHECK(texts(dns.expand("a.test")) == list{"192.0.2.128/25"});
}

TEST_CASE("spf: nobody gets in by +all or by a network that no sender has", "[spf]")
{
    for (const char* term :
         {"+all", "all", "ip4:0.0.0.0/0", "ip4:10.0.0.0/7", "ip6:::/0", "ip6:2000::/3",
          "ip6:2001::/15", "a/7", "a//15", "mx/0", "include:open.test", "include:wide.test"}) {
        CAPTURE(term);
        zones dns;
        dns.spf("a.test", std::string{"ip4:203.0.113.1 "} + term);
        dns.spf("open.test", "+all").spf("wide.test", "ip4:8.0.0.0/7 ip6:2a00::/15 -all");
        dns.a("a.test", {"192.0.2.1"}).mx("a.test", {"a.test"});
        dns.aaaa("a.test", {"2001:db8::1"});
        const auto got = dns.expand("a.test");
        CHECK(got.what == outcome::complete);
        CHECK_FALSE(got.notes.empty());
        for (const auto& net : got.networks)
            CHECK(net.prefix_length >= (net.address.is_v4() ? 32 : 128));
    }
    zones dns;
    dns.spf("a.test", "ip4:17.0.0.0/8 ip6:2a01::/16 -all");
    CHECK(texts(dns.expand("a.test")) == list{"17.0.0.0/8", "2a01::/16"});
}

TEST_CASE("spf: many networks of an allowed size do not add up to the world", "[spf]")
{
    std::string terms;
    for (int i = 1; i <= 200; i += 2)
        terms += "ip4:" + std::to_string(i) + ".0.0.0/8 ";
    zones dns;
    dns.spf("a.test", terms + "-all");
    auto got = dns.expand("a.test");
    CHECK(got.what == outcome::permanent_error);
    CHECK(got.reason == "its networks hold more addresses than any sender has");
    CHECK(got.networks.empty());
    terms.clear();
    for (int i = 0; i < 9; ++i)
        terms += "ip6:2a0" + std::to_string(i) + "::/16 ";
    dns.spf("a.test", terms + "-all");
    CHECK(dns.expand("a.test").what == outcome::permanent_error);
}

TEST_CASE("spf: an IPv4-mapped address in an AAAA record or ip6 permits nobody", "[spf]")
{
    zones dns;
    dns.spf("a.test", "a ip6:::ffff:192.0.2.0/120 -all");
    dns.aaaa("a.test", {"::ffff:192.0.2.1"}).a("a.test", {"198.51.100.1"});
    CHECK(texts(dns.expand("a.test")) == list{"198.51.100.1/32"});
}

TEST_CASE("spf: at the third lookup that finds nothing a verifier gives up", "[spf]")
{
    // Behind two void lookups all is well, behind three nothing is added. IPv4 and IPv6 clients
    // cause different lookups: only who would have met them is concerned.
    zones dns;
    for (const char* name : {"four.test", "both.test"})
        dns.a(name, {"192.0.2.4"});
    for (const char* name : {"six.test", "both.test"})
        dns.aaaa(name, {"2001:db8::6"});
    const std::string nets = " ip4:198.51.100.1 ip6:2001:db8::1 -all";
    struct row {
        const char* terms;
        outcome want;
        list nets;
    };
    const row rows[] = {
        {"a:x.test a:y.test", outcome::complete, {"198.51.100.1/32", "2001:db8::1/128"}},
        {"a:x.test a:y.test a:z.test", outcome::permanent_error, {}},
        {"mx:x.test mx:y.test mx:z.test", outcome::permanent_error, {}},
        {"a:four.test a:x.test a:y.test", outcome::complete, {"192.0.2.4/32", "198.51.100.1/32"}},
        {"a:six.test a:x.test a:y.test", outcome::complete, {"2001:db8::1/128", "2001:db8::6/128"}},
        {"ip6:2001:db8::9 a:four.test a:x.test a:y.test",
         outcome::complete,
         {"192.0.2.4/32", "198.51.100.1/32", "2001:db8::9/128"}},
        {"a:both.test a:both.test a:x.test a:y.test",
         outcome::complete,
         {"192.0.2.4/32", "198.51.100.1/32", "2001:db8::1/128", "2001:db8::6/128"}},
        // A name that cannot exist is as good as one that does not.
        {"a:x..test a:under_score a:z.test", outcome::permanent_error, {}},
    };
    for (const row& r : rows) {
        CAPTURE(r.terms);
        dns.spf("a.test", r.terms + nets);
        const auto got = dns.expand("a.test");
        CHECK(got.what == r.want);
        CHECK(texts(got) == r.nets);
        const bool one_family = r.want == outcome::complete && got.networks.size() != 4 &&
                                std::string{r.terms} != "a:x.test a:y.test";
        CHECK(got.notes.size() == (one_family ? 1 : 0));
    }
}

TEST_CASE("spf: networks are bounded, in records and in what subtraction makes of them", "[spf]")
{
    const auto record = [](int from, int count) {
        std::string terms;
        for (int i = from; i < from + count; ++i)
            terms += "ip4:10." + std::to_string(i / 128 % 256) + "." + std::to_string(i % 128 * 2) +
                     ".0/24 ";
        return terms + "-all";
    };
    zones dns;
    dns.spf("a.test", "include:b.test include:c.test include:d.test include:e.test -all");
    const char* const names[] = {"b.test", "c.test", "d.test", "e.test"};
    for (int i = 0; i < 4; ++i)
        dns.spf(names[i], record(i * 5000, 5000));
    auto got = dns.expand("a.test");
    CHECK(got.what == outcome::complete);
    CHECK(got.networks.size() == limits::spf_networks);
    dns.spf("e.test", record(15000, 5001));
    got = dns.expand("a.test");
    CHECK(got.what == outcome::permanent_error);
    CHECK(got.reason == "more than 20000 networks");

    std::string holes;
    for (int i = 0; i < 3000; ++i)
        holes += "-ip4:10." + std::to_string(i / 200) + "." + std::to_string(i % 200) + ".77 ";
    dns.spf("f.test", holes + "ip4:10.0.0.0/8 -all");
    got = dns.expand("f.test");
    CHECK(got.what == outcome::permanent_error);
    CHECK(got.reason == "more than 20000 networks");
}

TEST_CASE("spf: notes are bounded and the last one says how many are missing", "[spf]")
{
    std::string terms;
    for (int i = 0; i < 30; ++i)
        terms += "ip4:8.0.0.0/" + std::to_string(i % 8) + " ";
    zones dns;
    dns.spf("a.test", terms + "-all");
    const auto got = dns.expand("a.test");
    REQUIRE(got.notes.size() == limits::spf_notes + 1);
    CHECK(got.notes.front() == "\"ip4:8.0.0.0/0\" of a.test is wider than any sender's network");
    CHECK(got.notes.back() == "and 10 more");
}

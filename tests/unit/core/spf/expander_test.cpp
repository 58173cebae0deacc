// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/spf/expander.hpp"

#include "zones.hpp"

using namespace fendmail;
using namespace std::chrono_literals;
using spf::outcome;

using test::texts;
using test::zones;
using list = std::vector<std::string>;

namespace {

/// The structure of the records of Google in 2025, with other numbers.
zones google()
{
    zones dns;
    dns.txt("gmail.com", {"globalsign-smime-dv=abc=", "v=spf1 redirect=_spf.google.com"});
    dns.spf("_spf.google.com", "include:_netblocks.google.com include:_netblocks2.google.com "
                               "include:_netblocks3.google.com ~all");
    dns.spf("_netblocks.google.com",
            "ip4:35.190.247.0/24 ip4:64.233.160.0/19 ip4:66.102.0.0/20 ~all");
    dns.spf("_netblocks2.google.com", "ip6:2001:4860:4000::/36 ip6:2404:6800:4000::/36 ~all");
    dns.spf("_netblocks3.google.com", "ip4:172.217.0.0/19 ip4:35.191.0.0/16 ~all");
    return dns;
}
const list google_networks{"35.190.247.0/24",    "35.191.0.0/16",  "64.233.160.0/19",
                           "66.102.0.0/20",      "172.217.0.0/19", "2001:4860:4000::/36",
                           "2404:6800:4000::/36"};

/// The structure of Microsoft's.
zones outlook()
{
    zones dns;
    dns.spf("outlook.com", "include:spf2.outlook.com include:spf.protection.outlook.com "
                           "include:_spf-ssg-a.microsoft.com -all");
    dns.spf("spf2.outlook.com", "ip4:157.55.9.128/25 include:spf-a.hotmail.com -all");
    dns.spf("spf-a.hotmail.com", "ip4:157.55.0.192/26 ip4:207.46.4.128/25 ~all");
    dns.spf(
        "spf.protection.outlook.com",
        "ip4:40.92.0.0/15 ip4:40.107.0.0/16 ip6:2a01:111:f400::/48 ip6:2a01:111:f403::/49 -all");
    dns.spf("_spf-ssg-a.microsoft.com", "ip4:104.44.112.128/25 include:spf-a.hotmail.com ~all");
    return dns;
}

} // namespace

TEST_CASE("spf: a redirect to includes gives the networks of all of them", "[spf]")
{
    auto dns = google();
    const auto got = dns.expand("gmail.com");
    CHECK(got.what == outcome::complete);
    CHECK(texts(got) == google_networks);
    CHECK(got.notes.empty());
    CHECK(got.reason.empty());
    CHECK(dns.asked.size() == 5);
}

TEST_CASE("spf: nested includes, one record reached on two ways and asked for once", "[spf]")
{
    auto dns = outlook();
    const auto got = dns.expand("outlook.com");
    CHECK(got.what == outcome::complete);
    CHECK(texts(got) == list{"40.92.0.0/15", "40.107.0.0/16", "104.44.112.128/25",
                             "157.55.0.192/26", "157.55.9.128/25", "207.46.4.128/25",
                             "2a01:111:f400::/48", "2a01:111:f403::/49"});
    CHECK(dns.asked.size() == 5);
}

TEST_CASE("spf: addresses and mail hosts of a domain, widened by their prefix lengths", "[spf]")
{
    zones dns;
    dns.spf("sender.test", "a mx/28//64 a:web.test/24 mx:other.test -all");
    dns.a("sender.test", {"192.0.2.1"}).aaaa("sender.test", {"2001:db8::1"});
    dns.mx("sender.test", {"mx1.sender.test", "MX2.sender.test."});
    dns.a("mx1.sender.test", {"198.51.100.17", "198.51.100.33"});
    dns.aaaa("mx1.sender.test", {"2001:db8:0:1::5"});
    dns.a("mx2.sender.test", {"198.51.100.18"});
    dns.aaaa("mx2.sender.test", {"2001:db8:0:2::5"});
    dns.a("web.test", {"203.0.113.77"}).aaaa("web.test", {"2001:db8:0:3::5"});
    dns.mx("other.test", {"mx.other.test"});
    dns.a("mx.other.test", {"192.0.2.9"}).aaaa("mx.other.test", {"2001:db8:0:4::9"});
    for (const auto order :
         {test::order::as_asked, test::order::reversed, test::order::one_by_one}) {
        const auto got = dns.expand("sender.test", order);
        CHECK(got.what == outcome::complete);
        CHECK(texts(got) == list{"192.0.2.1/32", "192.0.2.9/32", "198.51.100.16/28",
                                 "198.51.100.32/28", "203.0.113.0/24", "2001:db8::1/128",
                                 "2001:db8:0:1::/64", "2001:db8:0:2::/64", "2001:db8:0:3::5/128",
                                 "2001:db8:0:4::9/128"});
        CHECK(got.notes.empty());
    }
    CHECK(dns.asked.size() == 13);
}

TEST_CASE("spf: no answer, whichever it is, means that nothing is known", "[spf]")
{
    auto whole = google();
    whole.spf("_netblocks3.google.com", "a:mail.google.com mx:google.com ~all");
    whole.a("mail.google.com", {"192.0.2.1"}).aaaa("mail.google.com", {"2001:db8::1"});
    whole.mx("google.com", {"smtp.google.com"}).a("smtp.google.com", {"192.0.2.2"});
    whole.aaaa("smtp.google.com", {"2001:db8::2"});
    REQUIRE(whole.expand("gmail.com").what == outcome::complete);
    const auto questions = whole.asked;
    CHECK(questions.size() == 10);
    for (const auto& each : questions) {
        auto dns = whole;
        dns.broken(each.type, each.name);
        const auto got = dns.expand("gmail.com");
        CHECK(got.what == outcome::temporary_error);
        CHECK(got.reason == std::string{to_string(each.type)} + " of " + each.name + ": SERVFAIL");
        CHECK(got.networks.empty());
    }
}

TEST_CASE("spf: the smallest TTL of all answers counts", "[spf]")
{
    auto dns = outlook();
    CHECK((dns.expand("outlook.com").ttl == 3600s));
    dns.ttl(dns::record_type::txt, "spf-a.hotmail.com", 60s);
    CHECK((dns.expand("outlook.com").ttl == 60s));
}

TEST_CASE("spf: a domain without a record, with two, or with a wrong one", "[spf]")
{
    struct row {
        list records;
        outcome want;
        const char* reason;
    };
    const row rows[] = {
        {{}, outcome::no_record, "a.test has no SPF record"},
        {{"hello", "v=spf10 -all"}, outcome::no_record, "a.test has no SPF record"},
        {{"v=spf1 -all", "v=spf1 mx"}, outcome::permanent_error, "a.test has 2 SPF records"},
        {{"v=spf1 mx", "v=spf1 mx"}, outcome::permanent_error, "a.test has 2 SPF records"},
        {{"v=spf1 ip4:192.0.2.1 ipv4:192.0.2.2 -all"},
         outcome::permanent_error,
         "the SPF record of a.test is wrong at \"ipv4:192.0.2.2\": not a term of SPF"},
        {{"v=spf1 -all"}, outcome::complete, ""},
        {{"v=spf1"}, outcome::complete, ""},
    };
    for (const row& r : rows) {
        zones dns;
        dns.txt("a.test", r.records);
        CAPTURE(r.records);
        const auto got = dns.expand("a.test");
        CHECK(got.what == r.want);
        CHECK(got.reason == r.reason);
        CHECK(got.networks.empty());
        // What is no record by itself makes every record wrong that includes it.
        if (r.want == outcome::complete) continue;
        dns.spf("b.test", "ip4:192.0.2.0/24 include:a.test -all");
        dns.spf("c.test", "ip4:192.0.2.0/24 redirect=a.test");
        for (const char* name : {"b.test", "c.test"}) {
            const auto outer = dns.expand(name);
            CHECK(outer.what == outcome::permanent_error);
            CHECK(outer.reason == r.reason);
            CHECK(outer.networks.empty());
        }
    }
}

TEST_CASE("spf: a record that holds a term of 60 KiB is not told in full", "[spf]")
{
    zones dns;
    dns.spf("a.test", std::string(60000, 'x'));
    const auto got = dns.expand("a.test");
    CHECK(got.what == outcome::permanent_error);
    CHECK(got.reason.size() < 300);
}

TEST_CASE("spf: what stands behind \"all\" is neither looked up nor counted", "[spf]")
{
    zones dns;
    dns.spf("a.test", "ip4:192.0.2.1 -all include:nowhere.test mx redirect=nowhere.test");
    const auto got = dns.expand("a.test");
    CHECK(got.what == outcome::complete);
    CHECK(texts(got) == list{"192.0.2.1/32"});
    CHECK(dns.asked.size() == 1);
    CHECK(got.notes.empty());
}

TEST_CASE("spf: the fallback of an included record is not the includer's", "[spf]")
{
    zones dns;
    dns.spf("a.test", "include:b.test ip4:192.0.2.1 ?all");
    dns.spf("b.test", "-ip4:192.0.2.0/24 ip4:198.51.100.1 -all"); // not pass, so no match
    CHECK(texts(dns.expand("a.test")) == list{"192.0.2.1/32", "198.51.100.1/32"});
}

TEST_CASE("spf: records that include each other are wrong, whichever way", "[spf]")
{
    zones dns;
    dns.spf("a.test", "ip4:192.0.2.1 include:b.test -all");
    dns.spf("b.test", "redirect=c.test");
    dns.spf("c.test", "include:A.test. -all");
    dns.spf("self.test", "include:self.test -all");
    auto got = dns.expand("a.test");
    CHECK(got.what == outcome::permanent_error);
    CHECK(got.reason == "the records include each other: a.test, b.test, c.test, a.test");
    CHECK(dns.asked.size() == 3);
    got = dns.expand("self.test");
    CHECK(got.what == outcome::permanent_error);
    CHECK(got.reason == "the records include each other: self.test, self.test");
}

TEST_CASE("spf: ten lookups are allowed and the eleventh is too many, however nested", "[spf]")
{
    // r0 includes r1 includes r2 …: one lookup each.
    for (const int depth : {10, 11}) {
        zones dns;
        for (int i = 0; i < depth; ++i)
            dns.spf("r" + std::to_string(i) + ".test", "ip4:192.0.2." + std::to_string(2 * i) +
                                                           " include:r" + std::to_string(i + 1) +
                                                           ".test -all");
        dns.spf("r" + std::to_string(depth) + ".test", "ip4:192.0.2.200 -all");
        const auto got = dns.expand("r0.test");
        CHECK(got.what == (depth == 10 ? outcome::complete : outcome::permanent_error));
        CHECK(got.networks.size() == (depth == 10 ? 11 : 0));
        if (depth == 11)
            CHECK(got.reason == "more than 10 lookups are needed, which the record of r10.test "
                                "reaches (RFC 7208, 4.6.4)");
        CHECK(dns.asked.size() == 11); // nothing is asked for the eleventh
    }
}

TEST_CASE("spf: every term that makes one ask counts, those that are not expanded as well", "[spf]")
{
    // With the rest of the record these are ten and eleven.
    for (const char* term :
         {"a", "mx", "ptr", "exists:%{i}.x.test", "exists:x.test", "include:%{d}.x.test",
          "a:%{d}.test", "?mx", "-include:b.test", "~ptr:x.test"}) {
        CAPTURE(term);
        zones dns;
        for (const char* name : {"a.test", "mx.test"})
            dns.a(name, {"192.0.2.1"}).aaaa(name, {"2001:db8::1"});
        dns.mx("a.test", {"mx.test"});
        dns.spf("b.test", "ip4:198.51.100.1 -all");
        const std::string nine = "a a a a a a a a a ";
        dns.spf("a.test", nine + term + " ip4:203.0.113.1 -all");
        CHECK(dns.expand("a.test").what == outcome::complete);
        dns.spf("a.test", nine + "a " + term + " ip4:203.0.113.1 -all");
        CHECK(dns.expand("a.test").what == outcome::permanent_error);
        // The tenth place may also be taken by redirect.
        dns.spf("a.test", nine + "redirect=b.test");
        CHECK(dns.expand("a.test").what == outcome::complete);
        dns.spf("a.test", nine + term + " redirect=b.test");
        CHECK(dns.expand("a.test").what == outcome::permanent_error);
    }
    zones dns;
    dns.spf("a.test", "ip4:192.0.2.1 ip4:192.0.2.2 ip4:192.0.2.3 ip4:192.0.2.4 ip6:2001:db8::1 "
                      "ip6:2001:db8::2 ip4:192.0.2.5 ip4:192.0.2.6 ip4:192.0.2.7 ip4:192.0.2.8 "
                      "ip4:192.0.2.9 exp=x.test x=y -all");
    CHECK(dns.expand("a.test").what == outcome::complete);
}

TEST_CASE("spf: at most ten mail hosts", "[spf]")
{
    for (const std::size_t count : {10U, 11U}) {
        zones dns;
        list hosts;
        for (std::size_t i = 0; i < count; ++i) {
            hosts.push_back("mx" + std::to_string(i) + ".test");
            dns.a(hosts.back(), {"192.0.2." + std::to_string(2 * i)});
            dns.aaaa(hosts.back(), {"2001:db8::1"});
        }
        dns.mx("a.test", hosts).spf("a.test", "mx -all");
        const auto got = dns.expand("a.test");
        CHECK(got.what == (count == 10 ? outcome::complete : outcome::permanent_error));
        CHECK(got.networks.size() == (count == 10 ? 11 : 0));
        CHECK(got.reason == (count == 10 ? "" : "a.test has more than 10 mail hosts"));
    }
    zones dns;
    dns.mx("a.test", {"."}).spf("a.test", "mx ip4:192.0.2.1 -all");
    CHECK(texts(dns.expand("a.test")) == list{"192.0.2.1/32"});
}

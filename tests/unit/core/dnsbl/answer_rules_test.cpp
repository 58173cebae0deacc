// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/answer_rules.hpp"
#include "fendmail/core/dnsbl/known_lists.hpp"
#include "fendmail/core/dnsbl/site.hpp"

#include "support/catch.hpp"

#include <set>
#include <string>

using namespace fendmail;
using dnsbl::answer_kind;

namespace {

ip_address address(const char* text)
{
    const auto parsed = parse_address(text);
    REQUIRE(parsed.has_value());
    return *parsed;
}

answer_kind kind_of(const char* zone, const char* answer)
{
    return dnsbl::classify(address(answer), rules_of(dnsbl::find_known_list(zone)));
}

} // namespace

TEST_CASE("answers: an address in 127/8 is a listing unless it is known to be none", "[dnsbl]")
{
    struct row {
        ip_address answer;
        answer_kind want;
    };
    const row rows[] = {
        {address("127.0.0.2"), answer_kind::listing},
        {address("127.0.0.0"), answer_kind::listing},
        {address("127.0.0.255"), answer_kind::listing},
        {address("127.0.1.1"), answer_kind::listing},
        {address("127.255.254.255"), answer_kind::listing},
        {address("127.254.255.1"), answer_kind::listing},
        {address("127.255.255.0"), answer_kind::error_code},
        {address("127.255.255.252"), answer_kind::error_code},
        {address("127.255.255.254"), answer_kind::error_code},
        {address("127.255.255.255"), answer_kind::error_code},
        {address("127.0.0.1"), answer_kind::not_listing},
        {address("126.255.255.255"), answer_kind::not_listing},
        {address("128.0.0.0"), answer_kind::not_listing},
        {address("0.0.0.0"), answer_kind::not_listing},
        {address("10.0.0.1"), answer_kind::not_listing},
        {ip_address::v6({127, 0, 0, 2}), answer_kind::not_listing},
        {ip_address::v6({127, 255, 255, 254}), answer_kind::not_listing},
    };
    for (const row& r : rows) {
        CAPTURE(to_text(r.answer));
        CHECK(to_string(dnsbl::classify(r.answer, {})) == to_string(r.want));
    }
}

TEST_CASE("answers: a list's own error answers are none of another", "[dnsbl]")
{
    struct row {
        const char* zone;
        const char* answer;
        answer_kind want;
    };
    const row rows[] = {
        {"zen.spamhaus.org", "127.0.0.2", answer_kind::listing},
        {"zen.spamhaus.org", "127.0.0.11", answer_kind::listing},
        {"zen.spamhaus.org", "127.255.255.252", answer_kind::error_code},
        {"zen.spamhaus.org", "127.0.1.255", answer_kind::error_code},
        {"key.zen.dq.spamhaus.net", "127.0.2.255", answer_kind::error_code},
        {"key.zen.dq.spamhaus.net", "127.0.0.4", answer_kind::listing},
        {"b.barracudacentral.org", "127.0.0.2", answer_kind::listing},
        {"b.barracudacentral.org", "127.0.0.255", answer_kind::error_code},
        {"bl.spamcop.net", "127.0.0.2", answer_kind::listing},
        {"bl.spamcop.net", "127.0.0.255", answer_kind::error_code},
        {"bl.spamcop.net", "91.195.240.87", answer_kind::not_listing},
        {"list.dnswl.org", "127.0.5.1", answer_kind::listing},
        {"list.dnswl.org", "127.0.15.0", answer_kind::listing},
        {"list.dnswl.org", "127.0.0.255", answer_kind::error_code},
        {"list.dnswl.org", "127.0.10.0", answer_kind::error_code},
        {"list.dnswl.org", "127.0.10.3", answer_kind::error_code},
        {"multi.uribl.com", "127.0.0.1", answer_kind::error_code},
        {"hostkarma.junkemailfilter.com", "127.0.0.1", answer_kind::listing},
        {"other.example", "127.0.10.3", answer_kind::listing},
    };
    for (const row& r : rows) {
        CAPTURE(r.zone, r.answer);
        CHECK(to_string(kind_of(r.zone, r.answer)) == to_string(r.want));
    }
}

TEST_CASE("known lists: a zone is found by the longest domain that it ends in", "[dnsbl]")
{
    const auto domain_of = [](const char* zone) {
        const auto* const found = dnsbl::find_known_list(zone);
        return found == nullptr ? std::string{} : std::string{found->domain};
    };
    CHECK(domain_of("spamhaus.org") == "spamhaus.org");
    CHECK(domain_of("zen.spamhaus.org") == "spamhaus.org");
    CHECK(domain_of("dbl.spamhaus.org") == "dbl.spamhaus.org");
    CHECK(domain_of("key.dbl.dq.spamhaus.net") == "dbl.dq.spamhaus.net");
    CHECK(domain_of("notspamhaus.org").empty());
    CHECK(domain_of("spamhaus.org.example").empty());
    CHECK(domain_of("dnsbl.sorbs.net") == "sorbs.net");
    CHECK(domain_of("").empty());
}

TEST_CASE("known lists: each entry says something, in the form in which zones are compared",
          "[dnsbl]")
{
    std::set<std::string_view> domains;
    for (const auto& one : dnsbl::known_lists()) {
        CAPTURE(std::string{one.domain});
        CHECK(domains.insert(one.domain).second);
        CHECK(*dnsbl::parse_zone(one.domain) == one.domain);
        CHECK((one.kind == dnsbl::list_kind::gone) == !one.remark.empty());
        // Also reads all its filters, which must not fail.
        const auto rules = dnsbl::rules_of(&one);
        CHECK(rules.errors.empty() == one.errors.empty());
        CHECK(rules.only.empty() == one.only.empty());
    }
}

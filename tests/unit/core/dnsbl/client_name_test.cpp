// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/client_name.hpp"

#include "fendmail/core/limits.hpp"
#include "support/catch.hpp"

#include <chrono>
#include <string>
#include <vector>

using namespace fendmail;
using namespace std::chrono_literals;
using dnsbl::name_check;
using dnsbl::name_signal;
using outcome = dns::outcome;
using names = std::vector<std::string>;
using addresses = std::vector<ip_address>;

namespace Catch {
template <>
struct StringMaker<fendmail::dnsbl::name_signal> {
    static std::string convert(fendmail::dnsbl::name_signal s) { return std::string{to_string(s)}; }
};
} // namespace Catch

namespace {

const ip_address client = *parse_address("192.0.2.1");
const ip_address other = *parse_address("192.0.2.2");

name_check named(const names& all)
{
    name_check check{client};
    check.on_ptr(outcome::found, all, 60s);
    return check;
}

} // namespace

TEST_CASE("client name: the name that is asked for its PTR records", "[dnsbl]")
{
    CHECK(name_check{client}.ptr_name() == "1.2.0.192.in-addr.arpa");
    CHECK(name_check{*parse_address("2001:db8::1")}.ptr_name() ==
          "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}

TEST_CASE("client name: no PTR record is a signal, no answer is none", "[dnsbl]")
{
    name_check without{client};
    CHECK_FALSE(without.is_done());
    without.on_ptr(outcome::not_found, {}, 300s);
    REQUIRE(without.is_done());
    CHECK(without.finding().signal == name_signal::no_ptr);
    CHECK(without.finding().complete);
    CHECK((without.finding().ttl == 300s));

    name_check failed{client};
    failed.on_ptr(outcome::failed, {}, std::nullopt);
    REQUIRE(failed.is_done());
    CHECK(failed.finding().signal == name_signal::none);
    CHECK_FALSE(failed.finding().complete);
    CHECK_FALSE(failed.finding().ttl.has_value());
}

TEST_CASE("client name: one name that leads back is enough, whichever and whenever", "[dnsbl]")
{
    auto check = named({"a.test", "b.test", "a.test"});
    CHECK(check.to_confirm() == names{"a.test", "b.test"});
    CHECK_FALSE(check.is_done());
    check.on_addresses(outcome::failed, {}, false, std::nullopt);
    CHECK_FALSE(check.is_done());
    check.on_addresses(outcome::found, addresses{other, client}, true, 30s);
    REQUIRE(check.is_done());
    CHECK(check.finding().signal == name_signal::none);
    CHECK(check.finding().complete);
    CHECK(check.finding().name == "a.test");
    CHECK_FALSE(check.finding().ttl.has_value()); // that of the failed answer is not known
}

TEST_CASE("client name: names that all lead elsewhere or nowhere are a signal", "[dnsbl]")
{
    auto check = named({"a.test", "b.test"});
    check.on_addresses(outcome::found, addresses{other}, false, 30s);
    CHECK_FALSE(check.is_done());
    CHECK(check.finding().signal == name_signal::none);
    check.on_addresses(outcome::not_found, {}, false, 90s);
    REQUIRE(check.is_done());
    CHECK(check.finding().signal == name_signal::unconfirmed_ptr);
    CHECK(check.finding().complete);
    CHECK((check.finding().ttl == 30s));
    check.on_addresses(outcome::found, addresses{client}, false, 1s); // one too many
    CHECK(check.finding().signal == name_signal::unconfirmed_ptr);

    const auto root = named({"", ""});
    REQUIRE(root.is_done());
    CHECK(root.finding().signal == name_signal::unconfirmed_ptr);
    CHECK(root.finding().name.empty());
}

TEST_CASE("client name: what could not be looked at speaks for the client", "[dnsbl]")
{
    auto failed = named({"a.test", "b.test"});
    failed.on_addresses(outcome::found, addresses{other}, false, 30s);
    failed.on_addresses(outcome::failed, {}, false, std::nullopt);
    REQUIRE(failed.is_done());
    CHECK(failed.finding().signal == name_signal::none);
    CHECK_FALSE(failed.finding().complete);

    auto cut = named({"a.test"});
    cut.on_addresses(outcome::found, addresses{other}, true, 30s);
    REQUIRE(cut.is_done());
    CHECK(cut.finding().signal == name_signal::none);

    for (const std::size_t count : {limits::client_names, limits::client_names + 1}) {
        names many;
        for (std::size_t i = 0; i < count; ++i)
            many.push_back("n" + std::to_string(i) + ".test");
        auto check = named(many);
        REQUIRE(check.to_confirm().size() == limits::client_names);
        for (std::size_t i = 0; i < limits::client_names; ++i)
            check.on_addresses(outcome::not_found, {}, false, 30s);
        REQUIRE(check.is_done());
        CHECK(check.finding().signal ==
              (count == limits::client_names ? name_signal::unconfirmed_ptr : name_signal::none));
    }
}

TEST_CASE("client name: its weight is added to the score of the lists", "[dnsbl]")
{
    const dnsbl::name_weights weights{.no_ptr = 2, .unconfirmed_ptr = 3};
    const dnsbl::name_finding no_ptr{name_signal::no_ptr, true, 60s, {}};
    const dnsbl::score lists{.value = 1, .complete = true, .ttl = 300s, .reply_name = "bl.test"};

    auto sum = dnsbl::with_name(lists, true, no_ptr, weights);
    CHECK(sum.value == 3);
    CHECK(sum.complete);
    CHECK((sum.ttl == 60s));
    CHECK(sum.reply_name == "bl.test");

    sum = dnsbl::with_name({.value = -1, .complete = true}, true, no_ptr, weights);
    CHECK(sum.value == 1);
    CHECK_FALSE(sum.ttl.has_value()); // that of the lists is not known
    CHECK(sum.reply_name == "reverse DNS");

    sum = dnsbl::with_name({.complete = true}, false, no_ptr, weights);
    CHECK(sum.value == 2);
    CHECK((sum.ttl == 60s));

    sum = dnsbl::with_name(lists, true, {}, weights);
    CHECK(sum.value == 1);
    CHECK_FALSE(sum.complete);
    CHECK_FALSE(sum.ttl.has_value());

    sum = dnsbl::with_name({.value = 0, .complete = false}, true,
                           {name_signal::unconfirmed_ptr, true, 60s, "a.test"}, weights);
    CHECK(sum.value == 3);
    CHECK_FALSE(sum.complete);

    sum = dnsbl::with_name({.complete = true}, true, {name_signal::none, true, 60s, "a.test"},
                           weights);
    CHECK(sum.value == 0);
    CHECK(sum.reply_name.empty());
}

TEST_CASE("client name: what the score can still become, until and when the name is known",
          "[dnsbl]")
{
    const dnsbl::name_weights weights{.no_ptr = 2, .unconfirmed_ptr = 3};
    const dnsbl::score_bounds lists{-1, 4};
    CHECK((dnsbl::with_name(lists, nullptr, weights) == dnsbl::score_bounds{-1, 7}));
    const dnsbl::name_finding no_ptr{name_signal::no_ptr, true, 60s, {}};
    CHECK((dnsbl::with_name(lists, &no_ptr, weights) == dnsbl::score_bounds{1, 6}));
    const dnsbl::name_finding nothing{};
    CHECK((dnsbl::with_name(lists, &nothing, weights) == lists));
}

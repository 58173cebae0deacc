// SPDX-License-Identifier: Apache-2.0
#include "../src/io/dnsbl/lookup_cache.hpp"

#include "support/catch.hpp"

#include <array>
#include <cstdint>
#include <memory>

using namespace fendmail;
using namespace std::chrono_literals;
using io::lookup_cache;

namespace {

constexpr tick start{1h};

ip_address client(std::size_t number)
{
    return ip_address::v4({10, static_cast<std::uint8_t>(number >> 16),
                           static_cast<std::uint8_t>(number >> 8),
                           static_cast<std::uint8_t>(number)});
}

struct fixture {
    std::shared_ptr<const dnsbl::site_set> sites = std::make_shared<dnsbl::site_set>();
    lookup_cache kept;

    void add(std::size_t number, seconds holds, tick now = start)
    {
        kept.add(client(number),
                 {sites, {.value = static_cast<int>(number), .complete = true}, nullptr, now},
                 holds);
    }
    const io::lookup_result* find(std::size_t number, tick now = start)
    {
        return kept.find({client(number), sites.get()}, now);
    }
};

} // namespace

TEST_CASE("lookup cache: what was found is there until it ends", "[dnsbl]")
{
    fixture f;
    f.add(1, 60s);
    f.add(2, 120s);
    const auto* const found = f.find(1, start + 60s - tick_span{1});
    REQUIRE(found != nullptr);
    CHECK(found->score.value == 1);
    CHECK(found->sites == f.sites);
    CHECK(f.find(3) == nullptr);
    CHECK(f.find(1, start + 60s) == nullptr);
    CHECK(f.kept.size() == 1);
    f.add(1, 60s, start + 60s); // it may come anew
    CHECK(f.find(1, start + 60s) != nullptr);
}

TEST_CASE("lookup cache: of too many the oldest go first", "[dnsbl]")
{
    fixture f;
    const std::size_t most = limits::dnsbl_finished_lookups;
    for (std::size_t n = 0; n < most + 10; ++n)
        f.add(n, 3600s);
    CHECK(f.kept.size() == most);
    CHECK(f.find(9) == nullptr);
    CHECK(f.find(10) != nullptr);
    CHECK(f.find(most + 9) != nullptr);
}

TEST_CASE("lookup cache: those in front that have ended make room by themselves", "[dnsbl]")
{
    fixture f;
    f.add(1, 60s);
    f.add(2, 3600s);
    f.add(3, 60s);
    f.add(4, 60s, start + 60s);
    CHECK(f.kept.size() == 3); // 3 waits behind 2
    CHECK(f.find(3, start + 60s) == nullptr);
    CHECK(f.kept.size() == 2);
}

TEST_CASE("lookup cache: those of other lists are dropped, and so are their lists", "[dnsbl]")
{
    fixture f;
    f.add(1, 60s);
    const auto old = f.sites;
    f.sites = std::make_shared<dnsbl::site_set>();
    f.add(1, 60s);
    f.add(2, 60s);
    f.kept.keep_only(*f.sites);
    CHECK(f.kept.size() == 2);
    CHECK(old.use_count() == 1);
    CHECK(f.find(1) != nullptr);
}

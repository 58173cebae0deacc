// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/scoreboard.hpp"

#include "support/catch.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

using namespace fendmail;
using dnsbl::score;
using dnsbl::scoreboard;
using dnsbl::zone_answer;
using outcome = dns::outcome;

namespace {

ip_address v4(unsigned a, unsigned b, unsigned c, unsigned d)
{
    const auto octet = [](unsigned n) { return static_cast<std::uint8_t>(n); };
    return ip_address::v4({octet(a), octet(b), octet(c), octet(d)});
}

dnsbl::site_set sites(std::initializer_list<const char*> texts)
{
    std::vector<dnsbl::site> all;
    for (const auto* text : texts) {
        const auto parsed = dnsbl::parse_site(text);
        REQUIRE(parsed.has_value());
        all.push_back(*parsed);
    }
    return dnsbl::make_site_set(all, {});
}

/// An answer that holds its own addresses.
struct said {
    outcome what = outcome::failed;
    std::vector<ip_address> addresses{};
    std::optional<seconds> ttl{};
    operator zone_answer() const { return {what, addresses, ttl}; }
};

said found(std::vector<ip_address> addresses, std::optional<seconds> ttl = seconds{60})
{
    return {outcome::found, std::move(addresses), ttl};
}
said found(ip_address address)
{
    return found(std::vector{address});
}
said not_found(std::optional<seconds> ttl = seconds{60})
{
    return {outcome::not_found, {}, ttl};
}

score after(const dnsbl::site_set& set, const std::vector<said>& answers)
{
    scoreboard board{set};
    for (std::size_t zone = 0; zone < answers.size(); ++zone)
        board.on_answer(zone, answers[zone]);
    return board.current();
}

bool same(const score& a, const score& b)
{
    return a.value == b.value && a.complete == b.complete && a.ttl == b.ttl &&
           a.reply_name == b.reply_name;
}

} // namespace

TEST_CASE("scoreboard: weights of all zones that list the client are added up", "[dnsbl]")
{
    const auto set = sites({"a.test*3", "b.test*2", "w.test*-4"});
    const auto listed = found(v4(127, 0, 0, 2));
    CHECK(after(set, {not_found(), not_found(), not_found()}).value == 0);
    CHECK(after(set, {listed, not_found(), not_found()}).value == 3);
    CHECK(after(set, {listed, listed, not_found()}).value == 5);
    CHECK(after(set, {listed, listed, listed}).value == 1);
    CHECK(after(set, {not_found(), not_found(), listed}).value == -4);
}

TEST_CASE("scoreboard: a site adds its weight once, however many addresses match", "[dnsbl]")
{
    const auto set =
        sites({"a.test=127.0.0.[2..3]*2", "a.test=127.0.0.4*5", "a.test*7", "a.test=127.0.0.9*-3"});
    REQUIRE(set.zones.size() == 1);
    CHECK(after(set, {found({v4(127, 0, 0, 2), v4(127, 0, 0, 3)})}).value == 9);
    CHECK(after(set, {found({v4(127, 0, 0, 4), v4(127, 0, 0, 4)})}).value == 12);
    CHECK(after(set, {found({v4(127, 0, 0, 3), v4(127, 0, 0, 4)})}).value == 14);
    CHECK(after(set, {found({v4(127, 0, 0, 9)})}).value == 4);
    CHECK(after(set, {found({v4(127, 0, 0, 50)})}).value == 7);
    CHECK(after(set, {not_found()}).value == 0);
}

TEST_CASE("scoreboard: a zone that told nothing scores nothing and leaves it incomplete", "[dnsbl]")
{
    const int weight = GENERATE(3, -3);
    const auto text = "a.test*" + std::to_string(weight);
    const auto set = sites({text.c_str(), "b.test"});
    const auto answer = GENERATE(as<said>{}, found(v4(127, 255, 255, 254)), found(v4(192, 0, 2, 1)),
                                 found({v4(127, 255, 255, 252), v4(8, 8, 8, 8)}),
                                 found(ip_address::v6({127, 0, 0, 2})), said{});
    const auto got = after(set, {answer, not_found()});
    CHECK(got.value == 0);
    CHECK_FALSE(got.complete);
    CHECK_FALSE(got.ttl);
    CHECK(got.reply_name.empty());
}

TEST_CASE("scoreboard: beside a listing, what is no listing is ignored", "[dnsbl]")
{
    const auto set = sites({"a.test=127.0.0.2*3", "a.test=127.255.255.[0..255]*50",
                            "a.test=192.0.2.1*50", "a.test=[0..255].[0..255].[0..255].[0..255]"});
    const auto got =
        after(set, {found({v4(127, 255, 255, 254), v4(127, 0, 0, 2), v4(192, 0, 2, 1)})});
    CHECK(got.value == 4);
    CHECK(got.complete);
}

TEST_CASE("scoreboard: found without an address is not found", "[dnsbl]")
{
    const auto set = sites({"a.test"});
    const auto got = after(set, {found(std::vector<ip_address>{}, seconds{7})});
    CHECK(got.value == 0);
    CHECK(got.complete);
    CHECK((got.ttl == seconds{7}));
}

TEST_CASE("scoreboard: it is incomplete until every zone has answered", "[dnsbl]")
{
    const auto set = sites({"a.test", "b.test"});
    scoreboard board{set};
    CHECK_FALSE(board.all_answered());
    board.on_answer(1, found(v4(127, 0, 0, 2)));
    CHECK(board.has_answer(1));
    CHECK_FALSE(board.has_answer(0));
    CHECK_FALSE(board.all_answered());
    CHECK(board.current().value == 1);
    CHECK(board.current().reply_name == "b.test");
    CHECK_FALSE(board.current().complete);
    CHECK_FALSE(board.current().ttl);
    board.on_answer(0, not_found());
    CHECK(board.all_answered());
    CHECK(board.current().complete);
}

TEST_CASE("scoreboard: a second answer of the same zone is ignored", "[dnsbl]")
{
    const auto set = sites({"a.test*3", "b.test"});
    scoreboard board{set};
    board.on_answer(0, not_found(seconds{50}));
    board.on_answer(0, found({v4(127, 0, 0, 2)}, seconds{1}));
    board.on_answer(0, said{});
    CHECK_FALSE(board.all_answered());
    board.on_answer(1, not_found(seconds{60}));
    CHECK(same(board.current(), {0, true, seconds{50}, ""}));
}

TEST_CASE("scoreboard: without zones it is complete and says nothing", "[dnsbl]")
{
    const dnsbl::site_set none;
    const scoreboard board{none};
    CHECK(board.all_answered());
    CHECK(same(board.current(), {0, true, std::nullopt, ""}));
}

TEST_CASE("scoreboard: the TTL is that of the answers that made the score", "[dnsbl]")
{
    const auto listed = [](int ttl) { return found({v4(127, 0, 0, 2)}, seconds{ttl}); };
    const auto absent = [](int ttl) { return not_found(seconds{ttl}); };
    struct row {
        const char* title;
        std::initializer_list<const char*> sites;
        std::vector<said> answers;
        std::optional<seconds> want;
    };
    const row rows[] = {
        {"unlisted: the shortest", {"a.test", "b.test"}, {absent(30), absent(20)}, seconds{20}},
        {"listed: unlisted zones do not count",
         {"a.test", "b.test"},
         {listed(300), absent(20)},
         seconds{300}},
        {"listed twice", {"a.test", "b.test"}, {listed(300), listed(200)}, seconds{200}},
        {"allowlisted: speaks for the client",
         {"a.test", "w.test*-2"},
         {absent(900), listed(40)},
         seconds{40}},
        {"missing on an allowlist speaks against a client with a positive score",
         {"a.test", "w.test*-2"},
         {listed(900), absent(40)},
         seconds{40}},
        {"missing on an allowlist does not shorten a pass",
         {"a.test", "w.test*-2"},
         {absent(900), absent(40)},
         seconds{900}},
        {"listed and allowlisted, sum below zero",
         {"a.test", "w.test*-2"},
         {listed(10), listed(40)},
         seconds{40}},
        {"a sum of zero is a pass",
         {"a.test*2", "w.test*-2"},
         {listed(10), listed(40)},
         seconds{40}},
        {"a filter that does not match is no listing",
         {"a.test=127.0.0.9", "b.test"},
         {listed(30), absent(60)},
         seconds{30}},
        {"a filter of an allowlist that does not match does not vouch",
         {"a.test", "w.test=127.0.0.9*-2"},
         {absent(60), listed(10)},
         seconds{60}},
        {"only allowlists: what there is", {"w.test*-2"}, {absent(40)}, seconds{40}},
        {"one zone on both sides",
         {"a.test=127.0.0.2", "a.test=127.0.0.9*5"},
         {listed(70)},
         seconds{70}},
        {"TTL zero is known", {"a.test", "b.test"}, {absent(0), absent(20)}, seconds{0}},
        {"unknown on the side that counts",
         {"a.test", "b.test"},
         {not_found(std::nullopt), absent(20)},
         std::nullopt},
        {"unknown on the other side",
         {"a.test", "b.test"},
         {not_found(std::nullopt), listed(20)},
         seconds{20}},
        {"unknown is all there is", {"w.test*-1"}, {not_found(std::nullopt)}, std::nullopt},
        {"a failure makes it unknown", {"a.test", "b.test"}, {said{}, listed(20)}, std::nullopt},
    };
    for (const row& r : rows) {
        CAPTURE(r.title);
        const auto set = sites(r.sites);
        CHECK((after(set, r.answers).ttl == r.want));
    }
}

TEST_CASE("scoreboard: the name is that of the greatest single weight", "[dnsbl]")
{
    const auto listed = found(v4(127, 0, 0, 2));
    CHECK(after(sites({"a.test*2", "b.test*3"}), {listed, listed}).reply_name == "b.test");
    CHECK(after(sites({"a.test*3", "b.test*3"}), {listed, listed}).reply_name == "a.test");
    CHECK(after(sites({"a.test*3", "b.test*3"}), {not_found(), listed}).reply_name == "b.test");
    // The sum of a zone does not count: 2 + 2 < 3.
    CHECK(
        after(sites({"a.test*2", "a.test=127.0.0.2*2", "b.test*3"}), {listed, listed}).reply_name ==
        "b.test");
    CHECK(after(sites({"w.test*-3"}), {listed}).reply_name.empty());
    CHECK(after(sites({"a.test", "w.test*-3"}), {listed, listed}).reply_name == "a.test");
}

namespace {

/// What the score must be, said without any order: straight from the rules.
score expected(const dnsbl::site_set& set, const std::vector<said>& answers)
{
    score want;
    want.complete = true;
    std::vector<std::optional<seconds>> for_client;
    std::vector<std::optional<seconds>> against_client;
    int best = 0;
    for (std::size_t zone = 0; zone < answers.size(); ++zone) {
        std::vector<ip_address> listings;
        for (const auto& address : answers[zone].addresses)
            if (address.is_v4() && address.octets()[0] == 127 &&
                !(address.octets()[1] == 255 && address.octets()[2] == 255))
                listings.push_back(address);
        if (answers[zone].what == outcome::failed ||
            (answers[zone].what == outcome::found && listings.empty())) {
            want.complete = false;
            continue;
        }
        for (const auto& site : set.zones[zone].sites) {
            bool listed = false;
            for (const auto& address : listings)
                listed = listed || site.wanted.matches(address);
            const bool against = site.weight > 0 ? listed : !listed;
            (against ? against_client : for_client).push_back(answers[zone].ttl);
            if (!listed) continue;
            want.value += site.weight;
            if (site.weight > best) {
                best = site.weight;
                want.reply_name = set.zones[zone].reply_name;
            }
        }
    }
    const auto& group = want.value > 0 || for_client.empty() ? against_client : for_client;
    // An unknown TTL is the smallest optional.
    if (want.complete && !group.empty()) want.ttl = *std::ranges::min_element(group);
    return want;
}

} // namespace

// Four zones, eight answers of each, all 24 orders: 98304 boards.
TEST_CASE("scoreboard: the order of answers never matters", "[dnsbl]")
{
    const auto set = sites({"a.test=127.0.0.[2..3]*2", "b.test*2", "w.test=127.0.0.2*-3",
                            "a.test=127.0.0.3*3", "c.test=127.0.0.3*3", "w.test=127.0.0.3*1"});
    REQUIRE(set.zones.size() == 4);
    const std::array<said, 8> possible{
        found({v4(127, 0, 0, 2)}, seconds{20}),
        found({v4(127, 0, 0, 3), v4(127, 255, 255, 254)}, seconds{30}),
        found({v4(127, 0, 0, 2), v4(127, 0, 0, 3)}, std::nullopt),
        found(v4(127, 255, 255, 254)),
        found(v4(192, 0, 2, 1)),
        not_found(seconds{40}),
        not_found(std::nullopt),
        said{},
    };
    std::size_t boards = 0;
    for (std::size_t combination = 0; combination < 8 * 8 * 8 * 8; ++combination) {
        std::vector<said> answers;
        for (std::size_t zone = 0, rest = combination; zone < 4; ++zone, rest /= 8)
            answers.push_back(possible[rest % 8]);
        const auto want = expected(set, answers);
        std::array<std::size_t, 4> order{0, 1, 2, 3};
        do {
            scoreboard board{set};
            for (const auto zone : order)
                board.on_answer(zone, answers[zone]);
            ++boards;
            if (same(board.current(), want)) continue;
            CAPTURE(combination, order, board.current().value, want.value);
            CAPTURE(board.current().reply_name, want.reply_name);
            FAIL("this order gives something else");
        } while (std::next_permutation(order.begin(), order.end()));
    }
    CHECK(boards == 98304);
}

TEST_CASE("scoreboard: a zone's own error answers score neither up nor down", "[dnsbl]")
{
    const auto dnswl = sites({"list.dnswl.org=127.0.[0..255].[0..255]*-4", "b.test*2"});
    const auto blocked = after(dnswl, {found(v4(127, 0, 0, 255)), not_found()});
    CHECK(blocked.value == 0);
    CHECK_FALSE(blocked.complete);
    CHECK(after(dnswl, {found(v4(127, 0, 10, 3)), not_found()}).value == 0);
    CHECK(after(dnswl, {found(v4(127, 0, 5, 3)), not_found()}).value == -4);
    // What is an error of one zone is a listing of another.
    CHECK(after(dnswl, {not_found(), found(v4(127, 0, 0, 255))}).value == 2);
}

TEST_CASE("scoreboard: the bounds are what the zones without an answer can still do", "[dnsbl]")
{
    const auto set = sites({"a.test*3", "a.test=127.0.0.4*2", "b.test*1", "w.test*-4"});
    scoreboard board{set};
    CHECK((board.bounds() == dnsbl::score_bounds{-4, 6}));
    board.on_answer(0, found(v4(127, 0, 0, 2)));
    CHECK((board.bounds() == dnsbl::score_bounds{-1, 4}));
    board.on_answer(0, not_found()); // the first one counts
    CHECK((board.bounds() == dnsbl::score_bounds{-1, 4}));
    board.on_answer(2, said{});
    CHECK((board.bounds() == dnsbl::score_bounds{3, 4}));
    board.on_answer(1, not_found());
    CHECK((board.bounds() == dnsbl::score_bounds{3, 3}));
    CHECK(board.current().value == 3);
}

// Every order of answers, every outcome: what was called certain must come true.
TEST_CASE("scoreboard: what is certain does not change with the answers that follow", "[dnsbl]")
{
    using dnsbl::certainty;
    const auto set = sites({"a.test*3", "b.test*2", "w.test*-4"});
    const dnsbl::score_limits limits{3, -2};
    const std::array<said, 3> outcomes{found(v4(127, 0, 0, 2)), not_found(), said{}};
    std::size_t early = 0;
    std::array<std::size_t, 3> order{0, 1, 2};
    do {
        for (std::size_t pick = 0; pick < 27; ++pick) {
            const std::array<std::size_t, 3> which{pick % 3, pick / 3 % 3, pick / 9};
            scoreboard board{set};
            std::vector<certainty> said_so;
            for (const auto zone : order) {
                said_so.push_back(certainty_of(board.bounds(), limits));
                board.on_answer(zone, outcomes[which[zone]]);
            }
            const int value = board.current().value;
            const auto truth = value >= 3    ? certainty::fails
                               : value <= -2 ? certainty::allows
                                             : certainty::passes;
            CAPTURE(order, which, value);
            CHECK(to_string(certainty_of(board.bounds(), limits)) == to_string(truth));
            for (const auto one : said_so) {
                CHECK((one == certainty::open || one == truth));
                early += one == certainty::open ? 0 : 1;
            }
        }
    } while (std::next_permutation(order.begin(), order.end()));
    CHECK(early > 0);
}

TEST_CASE("scoreboard: certainty looks at both limits", "[dnsbl]")
{
    using dnsbl::certainty;
    struct row {
        const char* title;
        dnsbl::score_bounds bounds;
        dnsbl::score_limits limits;
        certainty want;
    };
    const row rows[] = {
        {"even the lowest reaches the threshold", {3, 9}, {3, 0}, certainty::fails},
        {"the lowest does not", {2, 9}, {3, 0}, certainty::open},
        {"even the highest does not reach it", {0, 2}, {3, 0}, certainty::passes},
        {"without an allow threshold low means nothing", {-50, 2}, {3, 0}, certainty::passes},
        {"it may still be allowed", {-2, 2}, {3, -2}, certainty::open},
        {"it is not allowed any more", {-1, 2}, {3, -2}, certainty::passes},
        {"even the highest is allowed", {-9, -2}, {3, -2}, certainty::allows},
        {"the highest is not", {-9, -1}, {3, -2}, certainty::open},
    };
    for (const row& r : rows) {
        CAPTURE(r.title);
        CHECK(to_string(certainty_of(r.bounds, r.limits)) == to_string(r.want));
    }
}

TEST_CASE("scoreboard: says which lists made the score, with answers and weights", "[dnsbl]")
{
    dnsbl::site_set set =
        sites({"a.test*3", "b.test=127.0.0.[2..3]*2", "b.test=127.0.0.9*1", "w.test*-4", "c.test"});
    set.zones[0].reply_name = "shown.test"; // the zone holds a key
    scoreboard board{set};
    CHECK(board.listings().empty());
    board.on_answer(3, not_found());
    board.on_answer(2, found(v4(127, 0, 1, 2)));
    board.on_answer(1, found(std::vector{v4(127, 0, 0, 9), v4(127, 0, 0, 7), v4(127, 0, 0, 3)}));
    CHECK(board.listings() == "b.test:127.0.0.3*2,b.test:127.0.0.9*1,w.test:127.0.1.2*-4");
    board.on_answer(0, found(std::vector{v4(127, 255, 255, 254), v4(127, 0, 0, 2)}));
    CHECK(board.listings() ==
          "shown.test:127.0.0.2*3,b.test:127.0.0.3*2,b.test:127.0.0.9*1,w.test:127.0.1.2*-4");
}

TEST_CASE("scoreboard: what cannot count is not said to have made the score", "[dnsbl]")
{
    const auto set = sites({"a.test*3", "b.test=127.0.0.2*2", "c.test"});
    scoreboard board{set};
    board.on_answer(0, found(v4(127, 255, 255, 254))); // an error code
    board.on_answer(1, found(v4(127, 0, 0, 3)));       // not what the site wants
    board.on_answer(2, said{});
    CHECK(board.listings().empty());
}

TEST_CASE("scoreboard: however many lists know a client, the text of them is bounded", "[dnsbl]")
{
    std::vector<dnsbl::site> all;
    for (std::size_t i = 0; i < 64; ++i) {
        const auto name = std::to_string(i) + std::string(60, 'x') + ".test";
        all.push_back(*dnsbl::parse_site(name));
    }
    const auto set = dnsbl::make_site_set(all, {});
    scoreboard board{set};
    for (std::size_t i = 0; i < 64; ++i)
        board.on_answer(i, found(v4(127, 0, 0, 2)));
    const auto text = board.listings();
    const auto told = 1 + static_cast<std::size_t>(std::ranges::count(text, ','));
    CHECK(text.size() <= 1003);
    CHECK(text.ends_with("+" + std::to_string(64 - told)));
}

TEST_CASE("scoreboard: the names in listings that speak against the client", "[dnsbl]")
{
    using names = std::vector<std::string_view>;
    CHECK(dnsbl::names_against("").empty());
    CHECK(dnsbl::names_against("a.test:127.0.0.2*3,b.test:127.0.0.3*2,b.test:127.0.0.9*1,"
                               "w.test:127.0.1.2*-4+2") == names{"a.test", "b.test"});
    CHECK(dnsbl::names_against("feed drop*3,a.test:127.0.0.2*1") == names{"feed drop", "a.test"});
    CHECK(dnsbl::names_against(",,x,+3,a:b:127.0.0.2*1") == names{"a:b"});
}

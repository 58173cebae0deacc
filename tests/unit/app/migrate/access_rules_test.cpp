// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/migrate/access_rules.hpp"

#include "support/catch.hpp"
#include "table_files.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <random>

namespace fendmail::app::postscreen {
namespace {

using acl::decision;
using test_tables::files;
using texts = std::vector<std::string>;

std::vector<network> nets(const std::vector<const char*>& of)
{
    std::vector<network> out;
    for (const char* text : of)
        out.push_back(*parse_network(text));
    return out;
}

std::vector<access_block> translate(std::string_view list, const files& known,
                                    const std::vector<network>& mynetworks,
                                    std::vector<remark>& remarks)
{
    return translate_access_list(list, mynetworks, known.reader(), remarks, {"main.cf", 1});
}

/// "permit 192.0.2.0/24,192.0.3.0/24" for each rule, in order.
texts rules_of(std::string_view list, const files& known = {},
               const std::vector<network>& mynetworks = nets({"127.0.0.0/8", "::1"}))
{
    std::vector<remark> remarks;
    texts out;
    for (const access_block& block : translate(list, known, mynetworks, remarks))
        for (const access_rule& rule : block.rules) {
            std::string text;
            for (const network& net : rule.nets)
                text += (text.empty() ? "" : ",") + to_text(net);
            out.push_back(fmt::format("{} {}", to_string(rule.decision), text));
        }
    return out;
}

enum class outcome { permit, reject, none, stop };

/// What Postfix does, line by line and address by address.
class oracle {
public:
    struct line {
        enum class kind { rule, open, close } what = kind::rule;
        bool negated = false;
        network net{};
        std::string result{};
    };

    oracle(std::vector<std::vector<line>> tables, std::vector<network> mynetworks)
        : tables_{std::move(tables)}
        , mynetworks_{std::move(mynetworks)}
    {
    }

    [[nodiscard]] outcome decide(const std::vector<std::string>& words, const ip_address& client,
                                 bool nested = false) const
    {
        for (const std::string& word : words) {
            if (word == "permit") return outcome::permit;
            if (word == "reject") return outcome::reject;
            if (word == "dunno") return nested ? outcome::none : outcome::stop;
            if (word == "permit_mynetworks") {
                if (is_mine(client)) return outcome::permit;
            } else if (word.starts_with("cidr:/")) {
                const auto found = find(tables_[word[6] - '0'], client);
                if (found.empty()) continue;
                const auto inner = decide(split_list(found), client, true);
                if (inner != outcome::none) return inner;
            } else {
                return outcome::stop;
            }
        }
        return outcome::none;
    }

private:
    [[nodiscard]] bool is_mine(const ip_address& client) const
    {
        return std::ranges::any_of(mynetworks_,
                                   [&](const network& net) { return net.contains(client); });
    }

    static bool matches(const line& of, const ip_address& client)
    {
        return of.net.address.is_v4() == client.is_v4() && of.net.contains(client) != of.negated;
    }

    static std::string find(const std::vector<line>& table, const ip_address& client)
    {
        std::vector<bool> open;
        for (const line& one : table) {
            const bool active = std::ranges::find(open, false) == open.end();
            switch (one.what) {
            case line::kind::open: open.push_back(matches(one, client)); break;
            case line::kind::close:
                if (!open.empty()) open.pop_back();
                break;
            case line::kind::rule:
                if (active && matches(one, client)) return one.result;
                break;
            }
        }
        return {};
    }

    std::vector<std::vector<line>> tables_;
    std::vector<network> mynetworks_;
};

std::string text_of(const std::vector<oracle::line>& table)
{
    std::string out;
    for (const oracle::line& one : table) {
        const std::string pattern = (one.negated ? "!" : "") + to_text(one.net);
        if (one.what == oracle::line::kind::close)
            out += "endif\n";
        else if (one.what == oracle::line::kind::open)
            out += fmt::format("if {}\n", pattern);
        else
            out += fmt::format("{} {}\n", pattern, one.result);
    }
    return out;
}

/// Networks in a small corner of each family, so that they meet all the time.
network random_net(std::mt19937& random)
{
    if (random() % 4 == 0) {
        std::array<std::uint8_t, 16> octets{0x20, 0x01, 0x0d, 0xb8};
        octets[15] = static_cast<std::uint8_t>(random() % 4);
        const auto length = static_cast<unsigned>(126 + random() % 3);
        return {ip_address::v6(octets).masked(length), static_cast<std::uint8_t>(length)};
    }
    const auto length = static_cast<unsigned>(random() % 8 == 0 ? 0 : 28 + random() % 5);
    const auto host = ip_address::v4({192, 0, 2, static_cast<std::uint8_t>(random() % 16)});
    return {host.masked(length), static_cast<std::uint8_t>(length)};
}

std::vector<oracle::line> random_table(std::mt19937& random)
{
    static const texts results{"permit",
                               "reject",
                               "dunno",
                               "permit_mynetworks",
                               "permit_mynetworks, reject",
                               "permit_mynetworks dunno reject",
                               "dunno, reject",
                               "OK"};
    std::vector<oracle::line> out;
    std::size_t open = 0;
    for (auto count = random() % 10; count > 0; --count) {
        oracle::line one;
        one.negated = random() % 6 == 0;
        one.net = random_net(random);
        // "OK" ends the search, so it must be rare.
        one.result = results[random() % (random() % 8 == 0 ? results.size() : results.size() - 1)];
        if (random() % 6 == 0) {
            one.what = oracle::line::kind::open;
            ++open;
        } else if (open > 0 && random() % 3 == 0) {
            one.what = oracle::line::kind::close;
            --open;
        }
        out.push_back(one);
    }
    return out;
}

outcome find(const std::vector<access_block>& blocks, const ip_address& client)
{
    for (const access_block& block : blocks)
        for (const access_rule& rule : block.rules)
            for (const network& net : rule.nets)
                if (net.contains(client))
                    return rule.decision == decision::permit ? outcome::permit : outcome::reject;
    return outcome::none;
}

std::vector<ip_address> all_clients()
{
    std::vector<ip_address> out;
    for (std::uint8_t last = 0; last < 16; ++last)
        out.push_back(ip_address::v4({192, 0, 2, last}));
    for (const char* text : {"2001:db8::", "2001:db8::1", "2001:db8::2", "2001:db8::3", "::1",
                             "127.0.0.1", "198.51.100.1"})
        out.push_back(*parse_address(text));
    return out;
}

} // namespace

TEST_CASE("access rules: simple lists keep their words", "[migrate]")
{
    CHECK(rules_of("permit_mynetworks") == texts{"permit 127.0.0.0/8,::1/128"});
    CHECK(rules_of("") == texts{});
    CHECK(rules_of("Permit_Mynetworks, REJECT") ==
          texts{"permit 127.0.0.0/8,::1/128", "reject 0.0.0.0/0,::/0"});
    CHECK(rules_of("permit, reject") == texts{"permit 0.0.0.0/0,::/0"});
    CHECK(rules_of("dunno, reject") == texts{});
}

TEST_CASE("access rules: a table of both decisions becomes as few rules as its order allows",
          "[migrate]")
{
    const files known{{"/t", "10.1.0.0/16 permit\n"
                             "172.16.0.0/12 reject\n"
                             "192.168.7.0/24 permit\n"
                             "10.0.0.0/8 reject\n"
                             "192.168.0.0/16 reject\n"
                             "203.0.113.0/24 permit\n"}};
    CHECK(rules_of("cidr:/t", known) == texts{"permit 10.1.0.0/16,192.168.7.0/24,203.0.113.0/24",
                                              "reject 172.16.0.0/12,10.0.0.0/8,192.168.0.0/16"});
}

TEST_CASE("access rules: dunno shields from the rest of its table, not from what follows",
          "[migrate]")
{
    const files known{{"/t", "192.0.2.0/25 dunno\n192.0.2.0/24 reject\n"}};
    CHECK(rules_of("cidr:/t", known) == texts{"reject 192.0.2.128/25"});
    CHECK(rules_of("cidr:/t, cidr:{ {192.0.2.64/26 permit} }", known) ==
          texts{"reject 192.0.2.128/25", "permit 192.0.2.64/26"});
}

TEST_CASE("access rules: a word that Postfix does not know ends the search undecided", "[migrate]")
{
    std::vector<remark> remarks;
    const files known{{"/t", "192.0.2.0/25 hold\n192.0.2.0/24 reject\n"}};
    CHECK(rules_of("cidr:/t, permit", known).front() == "reject 192.0.2.128/25");
    const auto blocks = translate("cidr:/t, permit", known, {}, remarks);
    CHECK(find(blocks, *parse_address("192.0.2.1")) == outcome::none);
    CHECK(find(blocks, *parse_address("192.0.2.200")) == outcome::reject);
    CHECK(find(blocks, *parse_address("198.51.100.1")) == outcome::permit);
    REQUIRE(remarks.size() == 1);
    CHECK(to_text(remarks[0]).starts_with("/t:1: warning: \"hold\" is none of"));

    remarks.clear();
    CHECK(translate("foo, permit", {}, {}, remarks).size() == 1);
    CHECK(to_text(remarks.at(0)).starts_with("main.cf:1: warning: \"foo\""));
}

TEST_CASE("access rules: a table that cannot be read is left out and marked", "[migrate]")
{
    std::vector<remark> remarks;
    const auto blocks = translate("mysql:/x, cidr:/missing, reject", {}, {}, remarks);
    REQUIRE(blocks.size() == 3);
    CHECK(blocks[0].is_missing);
    CHECK(blocks[1].is_missing);
    CHECK(blocks[1].title == "cidr:/missing");
    CHECK_FALSE(blocks[2].is_missing);
    CHECK(remarks.size() == 2);
}

TEST_CASE("access rules: tables name the files that are made of them", "[migrate]")
{
    std::vector<remark> remarks;
    const files known{{"/etc/postfix/a.b.cidr", "192.0.2.1 permit\n"}};
    const auto blocks = translate("cidr:/etc/postfix/a.b.cidr inline:{192.0.2.2=reject} "
                                  "permit_mynetworks",
                                  known, {}, remarks);
    REQUIRE(blocks.size() == 3);
    CHECK(blocks[0].file_stem == "a.b");
    CHECK(blocks[1].file_stem == "inline");
    CHECK(blocks[2].file_stem == "permit_mynetworks");
    CHECK(blocks[0].is_file);
    CHECK_FALSE(blocks[1].is_file);
    CHECK_FALSE(blocks[2].is_file);
    CHECK(blocks[1].title == "inline:{...}");
}

TEST_CASE("access rules: agree with Postfix for every address and any list", "[migrate]")
{
    std::mt19937 random{25};
    static const texts lists{"permit_mynetworks cidr:/0 cidr:/1",
                             "cidr:/0 permit_mynetworks cidr:/1 reject",
                             "cidr:/0 cidr:/1 permit",
                             "cidr:/0 dunno cidr:/1",
                             "cidr:/0 nonsense cidr:/1",
                             "cidr:/1 cidr:/0 cidr:/1"};
    const auto clients = all_clients();
    for (int round = 0; round < 1500; ++round) {
        const std::vector<std::vector<oracle::line>> tables{random_table(random),
                                                            random_table(random)};
        const auto mynetworks = nets({"127.0.0.0/8", "192.0.2.8/30", "2001:db8::1"});
        const files known{{"/0", text_of(tables[0])}, {"/1", text_of(tables[1])}};
        const std::string& list = lists[random() % lists.size()];
        std::vector<remark> remarks;
        const auto blocks = translate(list, known, mynetworks, remarks);
        const oracle postfix{tables, mynetworks};
        CAPTURE(list, text_of(tables[0]), text_of(tables[1]));
        for (const ip_address& client : clients) {
            CAPTURE(to_text(client));
            auto want = postfix.decide(split_list(list), client);
            if (want == outcome::stop) want = outcome::none;
            REQUIRE(static_cast<int>(find(blocks, client)) == static_cast<int>(want));
        }
    }
}

TEST_CASE("access rules: a large table takes no more than it has to", "[migrate]")
{
    // 20,000 networks of alternating decisions, one of them a hole in the last line.
    std::string text;
    for (int i = 0; i < 20'000; ++i)
        text +=
            fmt::format("10.{}.{}.0/25 {}\n", i / 250, i % 250, i % 2 == 0 ? "permit" : "reject");
    text += "10.0.0.128/25 dunno\n0.0.0.0/0 reject\n";
    std::vector<remark> remarks;
    const files known{{"/t", text}};
    const auto blocks = translate("cidr:/t", known, {}, remarks);
    REQUIRE(blocks.size() == 1);
    // Permits do not overlap with the rejects among them, only with the last line.
    REQUIRE(blocks[0].rules.size() == 2);
    CHECK(blocks[0].rules[0].nets.size() == 10'000);
    // The hole leaves 25 pieces; one of them, 10.0.0.0/25, is permitted above.
    CHECK(blocks[0].rules[1].nets.size() == 10'000 + 24);
    CHECK(find(blocks, *parse_address("10.0.0.129")) == outcome::none);
    CHECK(find(blocks, *parse_address("10.0.1.129")) == outcome::reject);
}

} // namespace fendmail::app::postscreen

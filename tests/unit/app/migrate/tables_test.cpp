// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/migrate/address_list.hpp"
#include "fendmail/app/migrate/pattern_table.hpp"
#include "fendmail/app/migrate/tables.hpp"

#include "support/catch.hpp"
#include "table_files.hpp"

namespace fendmail::app::postscreen {
namespace {

using texts = std::vector<std::string>;
using test_tables::files;
using test_tables::remarks_of;

/// "192.0.2.0/25,192.0.2.128/26 RESULT" for each rule.
texts rules_of(std::string_view table, const files& known, std::vector<remark>& remarks)
{
    remark_sink sink{remarks, {"main.cf", 1}};
    const auto rules = read_network_table(*parse_table_name(table), known.reader(), sink);
    texts out;
    if (!rules) return {"unreadable"};
    for (const network_rule& rule : *rules) {
        std::string text;
        for (const network& net : rule.nets)
            text += (text.empty() ? "" : ",") + to_text(net);
        out.push_back(text + " " + rule.result);
    }
    return out;
}

texts rules_of(std::string_view table, const files& known)
{
    std::vector<remark> remarks;
    auto out = rules_of(table, known, remarks);
    CHECK(remarks_of(remarks).empty());
    return out;
}

texts members_of(std::string_view list, const files& known, std::vector<remark>& remarks)
{
    remark_sink sink{remarks, {"main.cf", 1}};
    texts out;
    for (const network& net : members(parse_address_list(list, known.reader(), sink)))
        out.push_back(to_text(net));
    return out;
}

std::string answer(const std::string& rules, const std::string& key, std::string type = "regexp")
{
    const files known{{"/t", rules}};
    std::vector<remark> remarks;
    remark_sink sink{remarks, {"main.cf", 1}};
    const auto table = *parse_table_name(type + ":/t");
    const auto lines = read_table(table, known.reader(), sink);
    const pattern_table made{table, *lines, sink};
    return made.find(key).value_or("nothing");
}

} // namespace

TEST_CASE("postscreen: names of tables", "[migrate]")
{
    const auto kind = [](const char* text) { return parse_table_name(text)->kind; };
    CHECK(kind("cidr:/x") == table_kind::cidr);
    CHECK(kind("CIDR:/x") == table_kind::cidr);
    CHECK(kind("proxy:hash:/x") == table_kind::keyed);
    CHECK(kind("static:all") == table_kind::fixed);
    CHECK(kind("pcre:/x") == table_kind::pattern);
    CHECK(kind("mysql:/x") == table_kind::opaque);
    CHECK(parse_table_name("proxy:hash:/x")->shown() == "hash:/x");
    CHECK(parse_table_name("inline:{secret=1}")->shown() == "inline:{...}");
    CHECK_FALSE(parse_table_name("permit").has_value());
}

TEST_CASE("postscreen: cidr tables keep their order, IF and ! become plain networks", "[migrate]")
{
    const files known{{"/t", "# comment\n"
                             "192.0.2.0/24  reject\n"
                             "[2001:db8::]/32\tpermit, reject\n"
                             "[2001:db8:1::/48] dunno\n"
                             "!128.0.0.0/1 OK\n"
                             "IF 10.0.0.0/8\n"
                             "10.1.0.0/16 a\n"
                             "if !10.2.0.0/15\n"
                             "10.0.0.0/14 b\n"
                             "endif\n"
                             "192.0.2.1 unreachable\n"
                             "::/0 unreachable\n"
                             "ENDIF\n"
                             "!!0.0.0.0/0 rest\n"}};
    CHECK(rules_of("cidr:/t", known) == texts{"192.0.2.0/24 reject", "2001:db8::/32 permit, reject",
                                              "2001:db8:1::/48 dunno", "0.0.0.0/1 OK",
                                              "10.1.0.0/16 a", "10.0.0.0/15 b", " unreachable",
                                              " unreachable", "0.0.0.0/0 rest"});
}

TEST_CASE("postscreen: a negated IPv4-mapped pattern is one that all of IPv6 matches", "[migrate]")
{
    std::vector<remark> remarks;
    const files known{{"/t", "!::ffff:10.0.0.0/104 all\n"
                             "if !::ffff:10.0.0.0/104\n"
                             "0.0.0.0/0 none\n"
                             "2001:db8::/32 some\n"
                             "endif\n"
                             "if ::ffff:10.0.0.0/104\n"
                             "10.0.0.0/8 none\n"
                             "endif\n"
                             "!!::ffff:10.0.0.0/104 none\n"}};
    CHECK(rules_of("cidr:/t", known, remarks) ==
          texts{"::/0 all", " none", "2001:db8::/32 some", " none", " none"});
    CHECK(remarks.size() == 4);
    CHECK(to_text(remarks.at(0)) ==
          "/t:1: warning: clients have plain IPv4 addresses, so this matches all that come by "
          "IPv6, as in Postfix");
}

TEST_CASE("postscreen: faulty lines of a cidr table are left out, as Postfix does", "[migrate]")
{
    std::vector<remark> remarks;
    const files known{{"/t", " 1.2.3.4 orphan\n"
                             "192.0.2.1/24 host-bits\n"
                             "192.0.2.0/24\n"
                             "mail.example.org name\n"
                             "[192.0.2.0 bracket\n"
                             "if\n"
                             "endif\n"
                             "endif now\n"
                             "::ffff:192.0.2.0/120 mapped\n"
                             "if 192.0.2.0/24\n"
                             "192.0.2.7 inside\n"}};
    CHECK(rules_of("cidr:/t", known, remarks) == texts{" mapped", "192.0.2.7/32 inside"});
    const auto told = remarks_of(remarks);
    REQUIRE(told.size() == 10);
    CHECK(told[0] == "/t:1: warning: begins with a blank but continues nothing: left out");
    CHECK(told[2] == "/t:3: warning: a pattern without a result: left out, as Postfix does");
    CHECK(told[6] == "/t:7: warning: ENDIF without IF: left out, as Postfix does");
    CHECK(told[9] == "main.cf:1: warning: IF without ENDIF: it reaches to the end");
}

TEST_CASE("postscreen: keyed tables match whole addresses as Postfix writes them", "[migrate]")
{
    std::vector<remark> remarks;
    const files known{{"/t", "192.0.2.1 permit\n2001:DB8::1 reject\n2001:db8:0::2 x\n192.0.2 y\n"}};
    const texts want{"192.0.2.1/32 permit", "2001:db8::1/128 reject"};
    for (const char* type : {"hash:/t", "texthash:/t", "btree:/t", "lmdb:/t"}) {
        remarks.clear();
        CHECK(rules_of(type, known, remarks) == want);
        CHECK(remarks.size() == 2);
    }
    CHECK(rules_of("inline:{192.0.2.1=permit, { 2001:db8::1 = permit_mynetworks, reject }}", {}) ==
          texts{"192.0.2.1/32 permit", "2001:db8::1/128 permit_mynetworks, reject"});
    CHECK(rules_of("static:reject", {}) == texts{"0.0.0.0/0,::/0 reject"});
    CHECK(rules_of("cidr:{ {192.0.2.0/24 permit}, {!192.0.0.0/8 reject} }", {}).size() == 2);
}

TEST_CASE("postscreen: tables without a text that can be read are told of", "[migrate]")
{
    for (const char* table :
         {"mysql:/t", "pcre:/t", "cidr:/missing", "cidr:{ {192.0.2.1 x}", "hash:/missing"}) {
        CAPTURE(table);
        std::vector<remark> remarks;
        CHECK(rules_of(table, {}, remarks) == texts{"unreadable"});
        CHECK(remarks.size() == 1);
    }
}

TEST_CASE("postscreen: remarks about one table end after twenty", "[migrate]")
{
    std::string text;
    for (int i = 0; i < 50; ++i)
        text += "bad\n";
    std::vector<remark> remarks;
    CHECK(rules_of("cidr:/t", {{"/t", text}}, remarks).empty());
    REQUIRE(remarks.size() == 21);
    CHECK(to_text(remarks.back()) == "main.cf:1: warning: and 30 more remarks about /t");
}

TEST_CASE("postscreen: address lists know exclusions, files and tables", "[migrate]")
{
    std::vector<remark> remarks;
    const files known{{"/nets", "# ours\n192.0.2.128/25, !192.0.2.64/26\n  192.0.2.0/24\n"},
                      {"/t", "198.51.100.0/24 whatever\n198.51.101.0/24 no\n"},
                      {"/loop", "/loop\n"}};
    CHECK(members_of("127.0.0.0/8 [::1]/128 [::ffff:127.0.0.0]/104", known, remarks) ==
          texts{"127.0.0.0/8", "::1/128"});
    CHECK(members_of("!10.1.0.0/16, 10.0.0.0/15 10.1.2.3", known, remarks) == texts{"10.0.0.0/16"});
    CHECK(members_of("/nets", known, remarks) == texts{"192.0.2.128/25", "192.0.2.0/26"});
    CHECK(members_of("!/nets 192.0.2.0/24", known, remarks) == texts{"192.0.2.64/26"});
    CHECK(members_of("cidr:/t !static:all 192.0.2.1", known, remarks) ==
          texts{"198.51.100.0/24", "198.51.101.0/24"});
    CHECK(remarks_of(remarks).empty());
    CHECK(members_of("::1 mx.example.org 192.0.2.1/24 /missing /loop", known, remarks).empty());
    CHECK(remarks.size() == 5);
}

TEST_CASE("postscreen: pattern tables answer as Postfix's do", "[migrate]")
{
    CHECK(answer("/^a/ one\n/b/ two\n", "xb") == "two");
    CHECK(answer("/^a/ one\n", "A") == "one");
    CHECK(answer("/^a/i one\n", "A") == "nothing");
    CHECK(answer("!/^a/ other\n", "b") == "other");
    CHECK(answer("!/^a/ other\n", "a") == "nothing");
    CHECK(answer("|^(.*)\\.([^.]*)$| $2 ${1} $(2) $$1\n", "a.b") == "b a b $1");
    CHECK(answer("if /x/\n/a/ with x\nendif\n/a/ without\n", "ax") == "with x");
    CHECK(answer("if /x/\nif /y/\n/a/ both\nendif\n/a/ x only\nendif\n/a/ none\n", "a") == "none");
    CHECK(answer("if !/x/\n/a/ no x\nendif\n", "a") == "no x");
    CHECK(answer("/(/ bad\n/a/z flag\nno\n/a/ good\n", "a") == "good");
    CHECK(answer("/(?=a)/ ahead\n/^\\w+$/ word\n", "abc", "pcre") == "word");
}

TEST_CASE("postscreen: plain patterns are those that only say what matches", "[migrate]")
{
    std::vector<remark> remarks;
    remark_sink sink{remarks, {"main.cf", 1}};
    const auto found = plain_patterns({{"/^[^A-Z]/ Bogus", 0, false},
                                       {"!/x/ no", 0, false},
                                       {"/x/i no", 0, false},
                                       {"if /x/", 0, false},
                                       {"/a\\/b/ yes", 0, false}},
                                      sink);
    REQUIRE(found.size() == 2);
    CHECK(found[0].text == "^[^A-Z]");
    CHECK(found[1].text == "a\\/b");
    CHECK(remarks.size() == 3);
}

} // namespace fendmail::app::postscreen

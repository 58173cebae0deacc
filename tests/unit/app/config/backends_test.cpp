// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/keys.hpp"
#include "fendmail/app/config/load.hpp"
#include "files.hpp"
#include "support/catch.hpp"

#include <fmt/format.h>

using namespace fendmail;
using namespace fendmail::app;
using namespace fendmail::app::test_files;
using lines = std::vector<std::string>;

// [[backend]]: a section that may stand there several times.

TEST_CASE("config: one [[backend]] is as good as [backend]", "[config]")
{
    constexpr std::string_view keys = "kind = \"xclient\"\naddress = \"192.0.2.1:26\"\n"
                                      "idle_timeout = \"1h\"\n";
    const auto alone = parse(fmt::format("[backend]\n{}", keys));
    const auto in_list = parse(fmt::format("[[backend]]\n{}name = \"mta1\"\n", keys));
    CHECK(lines_of(alone).empty());
    CHECK(lines_of(in_list).empty());
    for (const auto* got : {&alone, &in_list}) {
        REQUIRE(got->value);
        const backend_options& backend = got->value->runtime.backend;
        CHECK(backend.kind == backend_kind::xclient);
        CHECK(backend.address == "192.0.2.1:26");
        CHECK(backend.tcp.port == 26);
        CHECK(backend.idle_timeout == std::chrono::hours{1});
        CHECK(backend.connect_timeout == backend_options{}.connect_timeout);
    }
    CHECK(parse("[[backend]]\n").value->runtime.backend.address == backend_options{}.address);
}

TEST_CASE("config: every key of [backend] is one of [[backend]]", "[config]")
{
    const named_section* const list = find_table_list("backend", "");
    REQUIRE(list != nullptr);
    CHECK(list->header("") == "[[backend]]");
    for (const key& k : all_keys()) {
        if (k.section != "backend") continue;
        CAPTURE(k.name);
        const key* const same = list->find(k.name);
        REQUIRE(same != nullptr);
        CHECK(list->is_of_section(*same));
        CHECK(same->default_toml == k.default_toml);
    }
    CHECK_FALSE(list->is_of_section(*list->find("name")));
}

TEST_CASE("config: what is wrong in a [[backend]] is told where it stands", "[config]")
{
    struct row {
        const char* title;
        const char* toml;
        lines want;
    };
    static const row rows[] = {
        {"several",
         "[[backend]]\nname = \"a\"\n\n[[backend]]\nname = \"b\"\n[[backend]]\n",
         {"t.toml:4:1: error: backend: several backends are not supported yet; leave one "
          "[[backend]] (found 3)"}},
        {"the same name twice",
         "[[backend]]\nname = \"a\"\n[[backend]]\nname = \"a\"\n",
         {"t.toml:3:1: error: backend: several backends are not supported yet; leave one "
          "[[backend]] (found 2)",
          "t.toml:4:8: error: backend.name: the table in line 1 has this already (found \"a\")"}},
        {"a wrong value in each",
         "[[backend]]\nkind = \"smtp\"\n[[backend]]\nidle_timeout = 5\n",
         {"t.toml:2:8: error: backend.kind: expected one of \"postfix-pass\", \"proxy-v2\", "
          "\"proxy-v1\", \"xclient\", \"plain\", found \"smtp\"",
          "t.toml:3:1: error: backend: several backends are not supported yet; leave one "
          "[[backend]] (found 2)",
          "t.toml:4:16: error: backend.idle_timeout: expected a duration such as \"6s\", found an "
          "integer"}},
        {"an unknown key",
         "[[backend]]\nnames = \"a\"\n",
         {"t.toml:2:1: error: unknown key \"names\" in [backend]; did you mean \"name\"?"}},
        {"a value that is none",
         "[[backend]]\naddress = \"nowhere\"\n",
         {"t.toml:2:11: error: backend.address: no port; write address:port, IPv6 as "
          "[2001:db8::1]:port (found \"nowhere\")"}},
        {"no table",
         "backend = [1]\n",
         {"t.toml:1:12: error: backend: write each as a table [[backend]]"}},
        {"none at all",
         "backend = []\n",
         {"t.toml:1:11: error: expected a section [backend], found an array"}},
        {"a section that cannot be there several times",
         "[[greet]]\nwait = \"1s\"\n",
         {"t.toml:1:1: error: expected a section [greet], found an array"}},
    };
    for (const row& r : rows) {
        DYNAMIC_SECTION(r.title)
        {
            const auto got = parse(r.toml);
            CHECK_FALSE(got.value);
            CHECK(lines_of(got) == r.want);
        }
    }
}

TEST_CASE("config: [backend] and [[backend]] exclude each other", "[config]")
{
    const auto in_one = parse("[backend]\nkind = \"plain\"\n[[backend]]\nkind = \"plain\"\n");
    REQUIRE(in_one.problems.size() == 1);
    CHECK(in_one.problems[0].line == 3);

    const temporary_directory files;
    const auto main = files.write("fendmail.toml", "[backend]\nkind = \"plain\"\n");
    files.write("conf.d/a.toml", "\n[[backend]]\nkind = \"plain\"\n");
    CHECK(lines_of(load(main), files.path()) ==
          lines{"conf.d/a.toml:2:1: error: backend: write [backend] or [[backend]], not both; "
                "[backend] stands at fendmail.toml:1"});
}

TEST_CASE("config: names of [[backend]]s are compared over all files", "[config]")
{
    const temporary_directory files;
    const auto main = files.write("fendmail.toml", "[[backend]]\nname = \"a\"\n");
    files.write("conf.d/a.toml", "[[backend]]\nname = \"a\"\n");
    const auto told = lines_of(load(main), files.path());
    REQUIRE(told.size() == 2);
    CHECK(told[1] == "conf.d/a.toml:2:8: error: backend.name: the table at fendmail.toml:1 has "
                     "this already (found \"a\")");
}

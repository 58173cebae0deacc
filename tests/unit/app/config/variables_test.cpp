// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/variables.hpp"

#include "files.hpp"
#include "support/catch.hpp"

#include <set>

using namespace fendmail;
using namespace fendmail::app;
using namespace fendmail::app::test_files;
using namespace std::chrono_literals;
using lines = std::vector<std::string>;

TEST_CASE("variables: each key has one, and none of them could be two keys", "[config]")
{
    std::set<std::string> names;
    for (const key& k : all_keys()) {
        CAPTURE(k.section, k.name);
        CHECK(names.insert(variable_of(k)).second);
        CHECK(keys_of_variable(variable_of(k), all_keys()) == std::vector{&k});
        // Kubernetes sets such names by itself.
        CHECK_FALSE(is_service_variable(variable_of(k), "tcp://192.0.2.1:25"));
    }
    CHECK(names.contains("FENDMAIL_BACKEND_ADDRESS"));
    CHECK(names.contains("FENDMAIL_NON_SMTP_COMMAND_ENABLE"));
}

TEST_CASE("variables: one that could be two keys means both", "[config]")
{
    const std::vector<key> keys{{.section = "client", .name = "name_enable"},
                                {.section = "client_name", .name = "enable"}};
    CHECK(keys_of_variable("FENDMAIL_CLIENT_NAME_ENABLE", keys).size() == 2);
    CHECK(keys_of_variable("FENDMAIL_CLIENT_NAME", keys).empty());
}

TEST_CASE("variables: a value is TOML, or what would stand between its quotes", "[config]")
{
    struct row {
        key_type type;
        const char* value;
        const char* want;
    };
    static const row rows[] = {
        {key_type::text, "192.0.2.1:25", R"("192.0.2.1:25")"},
        {key_type::text, R"("192.0.2.1:25")", R"("192.0.2.1:25")"},
        {key_type::text, "'C:\\x'", "'C:\\x'"},
        {key_type::text, "", R"("")"},
        {key_type::text, R"(say "hello" \o/)", R"("say \"hello\" \\o/")"},
        {key_type::text, "\"", R"("\"")"},
        {key_type::text, "two\nlines", R"("two\u000Alines")"},
        {key_type::choice, "drop", R"("drop")"},
        {key_type::duration, "6s", R"("6s")"},
        {key_type::size, "64KiB", R"("64KiB")"},
        {key_type::size, "65536", "65536"},
        {key_type::integer, " 7 ", "7"},
        {key_type::integer, "-7", "-7"},
        {key_type::integer, "7\nlisten = 8", R"("7\u000Alisten = 8")"},
        {key_type::boolean, "true", "true"},
        {key_type::boolean, "yes", R"("yes")"},
        {key_type::text_list, "a, b", R"(["a", "b"])"},
        {key_type::text_list, "a", R"(["a"])"},
        {key_type::text_list, "", "[]"},
        {key_type::text_list, "[]", "[]"},
        {key_type::text_list, R"(["a", "b, c"])", R"(["a", "b, c"])"},
        {key_type::text_list, "[::]:25,0.0.0.0:25", R"(["[::]:25", "0.0.0.0:25"])"},
        {key_type::text_list, "[2001:db8::1]:25", R"(["[2001:db8::1]:25"])"},
        {key_type::text_map, R"({ "a" = "b" })", R"({ "a" = "b" })"},
        {key_type::text_map, "a=b", R"("a=b")"},
    };
    for (const row& r : rows) {
        CAPTURE(r.value);
        key k;
        k.type = r.type;
        CHECK(variable_toml(k, r.value) == r.want);
    }
}

TEST_CASE("variables: what Kubernetes sets for a Service is no key", "[config]")
{
    for (const char* name : {"FENDMAIL_SERVICE_HOST", "FENDMAIL_SERVICE_PORT",
                             "FENDMAIL_SERVICE_PORT_SMTP", "FENDMAIL_PORT", "FENDMAIL_PORT_25_TCP",
                             "FENDMAIL_PORT_25_TCP_ADDR", "FENDMAIL_PORT_25_TCP_PORT",
                             "FENDMAIL_PORT_25_TCP_PROTO", "FENDMAIL_METRICS_PORT_8025_TCP_ADDR"}) {
        CAPTURE(name);
        CHECK(is_service_variable(name, "tcp://10.0.0.1:25"));
    }
    CHECK_FALSE(is_service_variable("FENDMAIL_ADMIN_PORT", "8025"));
    CHECK_FALSE(is_service_variable("FENDMAIL_PORT_TCP", "25"));
    CHECK_FALSE(is_service_variable("FENDMAIL_BACKEND_ADDR", "x"));
}

TEST_CASE("config: the environment is laid over all files, key by key", "[config]")
{
    const temporary_directory dir;
    const auto main = dir.write("fendmail.toml", "[greet]\nwait = \"3s\"\nttl = \"2d\"\n"
                                                 "[[backend]]\naddress = \"192.0.2.1:25\"\n");
    dir.write("conf.d/a.toml", "[greet]\nwait = \"4s\"\naction = \"drop\"\n");
    const auto got = load(main, {{"FENDMAIL_GREET_WAIT", "5s"},
                                 {"FENDMAIL_SERVER_LISTEN", "127.0.0.1:25, [::1]:25"},
                                 {"FENDMAIL_SERVER_WORKERS", "3"},
                                 {"FENDMAIL_DIALOG_HELO_REQUIRED", "true"},
                                 {"FENDMAIL_BACKEND_ADDRESS", "192.0.2.2:25"},
                                 {"HOME", "/root"},
                                 {"FENDMAIL", "x"},
                                 {"fendmail_greet_wait", "6s"}});
    REQUIRE(lines_of(got) == lines{});
    const config& c = *got.value;
    CHECK(c.runtime.screening.greet_wait == 5s);
    CHECK(c.runtime.screening.tests[screen::test::pregreet].ttl == 48h);
    CHECK(c.runtime.screening.tests[screen::test::pregreet].on_failure == screen::action::drop);
    CHECK(c.startup.server.listen.size() == 2);
    CHECK(c.startup.server.workers == 3);
    CHECK(c.runtime.dialog.helo_required);
    CHECK(c.runtime.backend.address == "192.0.2.2:25");
}

TEST_CASE("config: what is wrong with a variable is told by its name", "[config]")
{
    struct row {
        const char* name;
        const char* value;
        const char* want;
    };
    static const row rows[] = {
        {"FENDMAIL_GREET_WAIT", "soon",
         "error: greet.wait: not a duration; write a whole number and s, m, h, d or w, such as "
         "\"6s\" (found \"soon\")"},
        {"FENDMAIL_GREET_ACTION", "drob",
         "error: greet.action: expected one of \"ignore\", \"enforce\", \"drop\", found \"drob\"; "
         "did you mean \"drop\"?"},
        {"FENDMAIL_SERVER_WORKERS", "many",
         "error: server.workers: expected a whole number, found a string"},
        {"FENDMAIL_DIALOG_HELO_REQUIRED", "yes",
         "error: dialog.helo_required: expected true or false, found a string"},
        {"FENDMAIL_SERVER_LISTEN", "",
         "error: server.listen: write at least one address, such as \"0.0.0.0:25\""},
        {"FENDMAIL_DNSBL_REPLY_NAMES", "a=b",
         "error: dnsbl.reply_names: expected a table such as { \"name\" = \"text\" }, found a "
         "string"},
        {"FENDMAIL_SERVER_LISTEN", "[\"127.0.0.1:25\"]\nwait = 1",
         "error: not valid TOML: more than one value"},
        {"FENDMAIL_LOG_IDENT", "${NOT_SET}",
         "error: log.ident: the environment variable NOT_SET is not set"},
        {"FENDMAIL_BACKEND_ADRESS", "192.0.2.1:25",
         "warning: no key has this name; did you mean FENDMAIL_BACKEND_ADDRESS?"},
        {"FENDMAIL_WHATEVER_IT_IS", "1",
         "warning: no key has this name; docs/configuration.md and `fendmail config` say what "
         "there is"},
    };
    for (const row& r : rows) {
        CAPTURE(r.name, r.value);
        const auto got = parse("", {{r.name, r.value}});
        CHECK(lines_of(got) == lines{std::string{"environment "} + r.name + ": " + r.want});
        CHECK(got.value.has_value() == (std::string_view{r.want}.starts_with("warning")));
    }
    const auto broken = lines_of(parse("", {{"FENDMAIL_LOG_IDENT", "\xff"}}));
    REQUIRE(broken.size() == 1);
    CHECK(broken[0].starts_with("environment FENDMAIL_LOG_IDENT: error: not valid TOML: "));
}

TEST_CASE("config: a variable that a file asks for is not taken for a misspelt key", "[config]")
{
    const io::variable_map variables{{"FENDMAIL_DQS", "key1"}, {"FENDMAIL_SERVICE_HOST", "x"}};
    CHECK(lines_of(parse("[log]\nident = \"${FENDMAIL_DQS}\"\n", variables)) == lines{});
    CHECK(lines_of(parse("", {{"FENDMAIL_LOG_IDENT", "${FENDMAIL_NAME}"},
                              {"FENDMAIL_NAME", "mail"}})) == lines{});
    CHECK(lines_of(parse("", variables)).size() == 1);
}

TEST_CASE("config: relative paths of variables start where those of the main file do", "[config]")
{
    const temporary_directory dir;
    dir.write("deny.cidr", "192.0.2.0/24\n");
    const auto got =
        load(dir.write("fendmail.toml", ""), {{"FENDMAIL_ACCESS_RULES", "reject file:deny.cidr"}});
    REQUIRE(lines_of(got) == lines{});
    CHECK(got.value->runtime.access.find(*parse_address("192.0.2.7")));
}

TEST_CASE("config: tables such as [[tls.certificate]] are added up over the files", "[config]")
{
    const temporary_directory dir;
    const auto main = dir.write("fendmail.toml", "[[tls.certificate]]\nnames = [\"a.example\"]\n");
    dir.write("conf.d/b.toml", "[[tls.certificate]]\nnames = [\"b.example\"]\n"
                               "[dnsbl.list.\"x.example\"]\nweight = 2\n");
    dir.write("conf.d/c.toml", "[dnsbl.list.\"x.example\"]\ntimeout = \"2s\"\n");
    const auto got = load(main);
    REQUIRE(lines_of(got) == lines{});
    lines set;
    for (const effective_key& k : got.keys)
        if (k.is_set) set.push_back(k.path() + " = " + k.value);
    CHECK(set == lines{R"(dnsbl.list."x.example".weight = 2)",
                       R"(dnsbl.list."x.example".timeout = "2s")",
                       R"(tls.certificate[0].names = ["a.example"])",
                       R"(tls.certificate[1].names = ["b.example"])"});
}

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/config/keys.hpp"

#include "fendmail/app/config/config.hpp"
#include "files.hpp"
#include "support/catch.hpp"

#include <set>

using namespace fendmail::app;
using namespace fendmail::app::test_files;

TEST_CASE("keys: each stands once, in a known section, with a sentence", "[config]")
{
    std::set<std::string_view> sections;
    for (const section& s : all_sections()) {
        CAPTURE(s.name);
        CHECK(sections.insert(s.name).second);
        CHECK(s.doc.ends_with('.'));
    }
    std::set<std::pair<std::string_view, std::string_view>> names;
    for (const key& k : all_keys()) {
        CAPTURE(k.section, k.name);
        CHECK(names.emplace(k.section, k.name).second);
        CHECK(sections.contains(k.section));
        CHECK((k.doc.ends_with('.') || k.doc.ends_with(')')));
        CHECK_FALSE(k.default_toml.empty());
        CHECK(find_key(k.section, k.name) == &k);
        CHECK((k.type == key_type::choice) == !k.choices.empty());
    }
    CHECK(find_key("server", "nothing") == nullptr);
    CHECK(find_key("nothing", "listen") == nullptr);
}

TEST_CASE("keys: what a choice is called is what it is read as", "[config]")
{
    std::size_t told = 0;
    for (const key& k : all_keys())
        for (const std::string_view choice : k.choices) {
            CAPTURE(k.section, k.name, choice);
            ++told;
            const auto got = parse(std::string{"["} + k.section + "]\n" + k.name + " = \"" +
                                   std::string{choice} + "\"\n");
            for (const problem& p : got.problems)
                CHECK(p.text.find("expected ") == std::string::npos);
        }
    CHECK(told >= 30);
    const auto kind = [](const char* text) {
        return parse(std::string{"[backend]\naddress = \"unix:/a\"\nkind = \""} + text + "\"\n")
            .value->runtime.backend.kind;
    };
    CHECK(kind("postfix-pass") == backend_kind::postfix_pass);
    CHECK(kind("plain") == backend_kind::plain);
    CHECK(to_string(backend_kind::proxy_v1) == "proxy-v1");
    CHECK(find_key("log", "format")->choices ==
          std::vector<std::string_view>{"postscreen", "json", "logfmt"});
}

TEST_CASE("keys: what a start takes once waits for a restart, and nothing else", "[config]")
{
    std::vector<std::string> waiting;
    for (const key& k : all_keys())
        if (!k.reloadable) waiting.push_back(k.section + "." + k.name);
    CHECK(waiting == std::vector<std::string>{"server.listen", "server.workers", "server.user",
                                              "server.groups", "store.kind", "store.path",
                                              "admin.listen", "admin.hosts", "admin.socket"});
    const startup_config now;
    CHECK(waiting_for_restart(now, now).empty());
    startup_config wanted = now;
    wanted.store.path = "/elsewhere";
    wanted.server.listen.pop_back();
    wanted.admin.listen.reset();
    CHECK(waiting_for_restart(now, wanted) ==
          std::vector<std::string>{"server.listen", "store.path", "admin.listen"});
}

TEST_CASE("keys: docs/configuration.md is what the table says", "[config]")
{
    CHECK(content(source_root() / "docs/configuration.md") == configuration_markdown());
}

TEST_CASE("keys: every key is in the generated texts with its default", "[config]")
{
    const std::string text = default_config_text();
    const std::string markdown = configuration_markdown();
    for (const key& k : all_keys()) {
        CAPTURE(k.section, k.name);
        CHECK(text.find("\n" + std::string(k.name) + " = " + std::string(k.default_toml) + "\n") !=
              std::string::npos);
        CHECK(markdown.find("| `" + std::string(k.name) + "` |") != std::string::npos);
    }
}

TEST_CASE("keys: those of named tables have a sentence, an example and a place in the texts",
          "[config]")
{
    const std::string text = default_config_text();
    const std::string markdown = configuration_markdown();
    for (const named_section& s : all_named_sections()) {
        CAPTURE(s.section, s.name);
        CHECK(find_named_section(s.section, s.name) == &s);
        CHECK(find_key(s.section, s.name) == nullptr);
        const std::string full = s.full_name();
        CHECK(text.find("\n# [" + full + ".\"" + std::string{s.example} + "\"]\n") !=
              std::string::npos);
        for (const key& k : s.keys) {
            CAPTURE(k.name);
            CHECK(s.find(k.name) == &k);
            CHECK(k.section == full);
            CHECK(k.doc.ends_with('.'));
            CHECK(text.find("\n# " + std::string{k.name} + " = " + std::string{k.example} + "\n") !=
                  std::string::npos);
            CHECK(markdown.find("| `" + std::string{k.name} + "` |") != std::string::npos);
        }
        CHECK(s.find("nothing") == nullptr);
    }
    CHECK(find_named_section("dnsbl", "nothing") == nullptr);
    for (const named_section& s : all_table_lists()) {
        CAPTURE(s.section, s.name);
        CHECK(find_table_list(s.section, s.name) == &s);
        CHECK(find_named_section(s.section, s.name) == nullptr);
        CHECK(text.find("\n# " + s.header("") + "\n") != std::string::npos);
        CHECK(markdown.find("\n## " + s.header("") + "\n") != std::string::npos);
        for (const key& k : s.keys) {
            CAPTURE(k.name);
            CHECK(k.section == s.full_name());
            if (s.is_of_section(k)) continue;
            CHECK(text.find("\n# " + k.name + " = " + std::string{k.example} + "\n") !=
                  std::string::npos);
        }
    }
}

TEST_CASE("keys: the type of a key can be told to an admin", "[config]")
{
    const auto type = [](std::string_view section, std::string_view name) {
        return type_text(*find_key(section, name));
    };
    CHECK(type("server", "listen") == "list of strings");
    CHECK(type("server", "hostname") == "string");
    CHECK(type("server", "workers") == "whole number from 0 to 1024");
    CHECK(type("greet", "wait") == "duration from 0s to 5m");
    CHECK(type("greet", "action") == R"(one of "ignore", "enforce", "drop")");
    CHECK(type("store", "kind") == R"(one of "lmdb", "memory", "none")");
    CHECK(type("dialog", "line_limit") == "size from 512 to 65536 octets");
    CHECK(type("dialog", "helo_required") == "true or false");
    CHECK(type("dnsbl", "reply_names") == "table of strings");
}

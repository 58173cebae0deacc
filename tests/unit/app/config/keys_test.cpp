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
        const bool is_choice = k.type == key_type::choice || k.type == key_type::action;
        CHECK(is_choice == !choices_of(k).empty());
    }
    CHECK(find_key("server", "nothing") == nullptr);
    CHECK(find_key("nothing", "listen") == nullptr);
}

TEST_CASE("keys: choices stand in the order of their enum", "[config]")
{
    const auto choices = [](std::string_view section, std::string_view name) {
        return choices_of(*find_key(section, name));
    };
    const auto kinds = choices("backend", "kind");
    REQUIRE(kinds.size() == 5);
    for (std::size_t i = 0; i < kinds.size(); ++i)
        CHECK(kinds[i] == to_string(static_cast<backend_kind>(i)));
    const auto stores = choices("store", "kind");
    REQUIRE(stores.size() == 3);
    for (std::size_t i = 0; i < stores.size(); ++i)
        CHECK(stores[i] == to_string(static_cast<store_kind>(i)));
    const auto actions = choices("greet", "action");
    REQUIRE(actions.size() == 3);
    for (std::size_t i = 0; i < actions.size(); ++i)
        CHECK(actions[i] == to_string(static_cast<fendmail::screen::action>(i)));
    const auto skips = choices("known_senders", "skip");
    REQUIRE(skips.size() == 2);
    for (std::size_t i = 0; i < skips.size(); ++i)
        CHECK(skips[i] == to_string(static_cast<fendmail::screen::exemption>(i)));
    const auto late = choices("dnsbl", "late");
    REQUIRE(late.size() == 2);
    for (std::size_t i = 0; i < late.size(); ++i)
        CHECK(late[i] == to_string(static_cast<fendmail::screen::late_lists>(i)));
    CHECK(choices("log", "format") ==
          std::vector<std::string_view>{"postscreen", "json", "logfmt"});
}

TEST_CASE("keys: config/fendmail.toml is what the table says", "[config]")
{
    CHECK(content(source_root() / "config/fendmail.toml") == default_config_text());
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
        const std::string full = std::string{s.section} + "." + std::string{s.name};
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
        const std::string full = std::string{s.section} + "." + std::string{s.name};
        CHECK(text.find("\n# [[" + full + "]]\n") != std::string::npos);
        CHECK(markdown.find("\n## [[" + full + "]]\n") != std::string::npos);
        for (const key& k : s.keys) {
            CAPTURE(k.name);
            CHECK(k.section == full);
            CHECK(text.find("\n# " + std::string{k.name} + " = " + std::string{k.example} + "\n") !=
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

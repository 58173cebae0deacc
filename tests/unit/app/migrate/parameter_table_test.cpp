// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/migrate/parameter_table.hpp"

#include "fendmail/app/config/keys.hpp"
#include "fendmail/app/migrate/expander.hpp"
#include "fendmail/app/migrate/logical_lines.hpp"
#include "support/catch.hpp"
#include "unit/app/config/files.hpp"

#include <set>

namespace fendmail::app::postscreen {

TEST_CASE("parameters: each stands once and says what becomes of it", "[migrate]")
{
    std::set<std::string_view> names;
    for (const parameter& p : all_parameters()) {
        CAPTURE(p.name);
        CHECK(names.insert(p.name).second);
        CHECK(find_parameter(p.name) == &p);
        CHECK((p.note.empty() || p.note.ends_with('.')));
        const bool has_key = !p.keys.empty();
        if (p.what == fate::same || p.what == fate::differs) CHECK(has_key);
        if (p.what == fate::dropped || p.what == fate::lost) {
            CHECK_FALSE(has_key);
            CHECK_FALSE(p.note.empty());
        }
    }
    CHECK(find_parameter("nothing") == nullptr);
}

TEST_CASE("parameters: the keys that they name are keys of fendmail.toml", "[migrate]")
{
    for (const parameter& p : all_parameters())
        for (const std::string& name : split_list(p.keys)) {
            CAPTURE(p.name, name);
            const std::size_t dot = name.find('.');
            REQUIRE(dot != std::string::npos);
            CHECK(find_key(name.substr(0, dot), name.substr(dot + 1)) != nullptr);
        }
}

TEST_CASE("parameters: defaults can be expanded", "[migrate]")
{
    const auto look_up = [](std::string_view name) -> std::optional<std::string> {
        const parameter* known = find_parameter(name);
        return known == nullptr ? std::nullopt : std::optional{std::string(known->default_text)};
    };
    for (const parameter& p : all_parameters()) {
        if (p.name.ends_with("_expansion_filter")) continue; // never expanded
        CAPTURE(p.name);
        CHECK(expand(p.default_text, look_up).error == "");
    }
}

TEST_CASE("parameters: docs/from-postscreen.md has the table", "[migrate]")
{
    const auto docs = test_files::content(test_files::source_root() / "docs/from-postscreen.md");
    CHECK(docs.find("\n" + parameters_markdown()) != std::string::npos);
}

} // namespace fendmail::app::postscreen

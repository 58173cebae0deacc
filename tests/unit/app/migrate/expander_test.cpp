// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/migrate/expander.hpp"

#include "support/catch.hpp"

#include <map>

namespace fendmail::app::postscreen {
namespace {

std::optional<std::string> look_up(std::string_view name)
{
    static const std::map<std::string_view, std::string> values{
        {"empty", ""},        {"name", "value"},    {"other", "<$name>"}, {"one", "1"},
        {"ten", "10"},        {"a", "$b"},          {"b", "$a"},          {"level", "3.6"},
        {"broken", "${x"},    {"double", "$d1$d1"}, {"d1", "$d2$d2"},     {"d2", "$d3$d3"},
        {"hollow", "$empty"},
    };
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional{found->second};
}

} // namespace

TEST_CASE("postscreen: values are expanded as Postfix does it", "[migrate]")
{
    struct row {
        const char* text;
        const char* want;
    };
    static const row rows[] = {
        {"", ""},
        {"plain", "plain"},
        {"$name", "value"},
        {"${name}", "value"},
        {"$(name)", "value"},
        {"${ name }", "value"},
        {"$name.x", "value.x"},
        {"$names", ""},
        {"$other", "<value>"},
        {"$$name $$", "$name $"},
        // With a value or without.
        {"${name?yes}", "yes"},
        {"${empty?yes}", ""},
        {"${nothing?yes}", ""},
        {"${name:no}", ""},
        {"${empty:no}", "no"},
        {"${nothing:no $name}", "no value"},
        {"$(name?(a)b)", "(a)b"},
        {"${name?{yes}:{no}}", "yes"},
        {"${empty?{yes}:{no}}", "no"},
        {"${name ? {yes} : {no}}", "yes"},
        {"${empty?{yes}:no way}", "no way"},
        {"${name?{$other}:{no}}", "<value>"},
        {"${name? yes}", " yes"},
        {"${name??foo:{b}ar}", "?foo:{b}ar"},
        {"${name?{}:{no}}", ""},
        // A value counts as written: this one is not empty.
        {"${hollow?{yes}:{no}}", "yes"},
        // Comparisons.
        {"${{$name} == {value} ? {same} : {other}}", "same"},
        {"${{$name}!={value}?{other}:{same}}", "same"},
        {"${{$one} < {$ten} ? {less}}", "less"},
        {"${{9} < {10} ? {as numbers}:{as text}}", "as numbers"},
        {"${{009} == {9} ? {as numbers}:{as text}}", "as numbers"},
        {"${{9x} < {10x} ? {as numbers}:{as text}}", "as text"},
        {"${{b} >= {a}}", "true"},
        {"${{b} <= {a}}", ""},
        {"${{b} > {a}:no}", ""},
        {"${{$level} <level {3.11} ? {old} : {new}}", "old"},
        {"${{$level} >=level {3.6} ? {new} : {old}}", "new"},
        {"${{10} >level {9.9.9} ? {new} : {old}}", "new"},
        {"${{99999999999999999999} > {1}}", "true"},
        // What stress does to a value.
        {"${stress?{2}:{6}}s", "6s"},
    };
    for (const row& r : rows) {
        CAPTURE(r.text);
        const auto got = expand(r.text, look_up);
        CHECK(got.error == "");
        CHECK(got.text == r.want);
    }
}

TEST_CASE("postscreen: what cannot be expanded says why and has no text", "[migrate]")
{
    for (const char* text :
         {"${name", "$(name", "$", "a $ b", "${}", "${name!}", "${name?{a}b}", "${name?{a}:{b}c}",
          "${{a} = {b}}", "${{a} ~~ {b}}", "${{a} ==}", "${{a} == b}", "${{a} == {b} x}",
          "${{a} ==foo {b}}", "${{x} <level {3}}", "${{3} <level {3.1.2.3}}", "${name{text}}",
          "$broken", "$a"}) {
        CAPTURE(text);
        const auto got = expand(text, look_up);
        CHECK(got.error != "");
        CHECK(got.text == "");
    }
}

TEST_CASE("postscreen: expansion is bounded in depth, steps and octets", "[migrate]")
{
    // Each level doubles the text: 2^60 octets if nothing stops it.
    const auto doubling = [](std::string_view name) -> std::optional<std::string> {
        const int level = name.size() > 1 ? std::stoi(std::string(name.substr(1))) : 0;
        if (level == 60) return "x";
        return "$d" + std::to_string(level + 1) + "$d" + std::to_string(level + 1);
    };
    CHECK(expand("$d0", doubling).error != "");
    const auto long_value = [](std::string_view) { return std::string(600'000, 'x'); };
    CHECK(expand("$a", long_value).error == "");
    CHECK(expand("$a$a$b", long_value).error != "");
    const auto endless = [](std::string_view) { return "${x?{$x}}"; };
    CHECK(expand("$x", endless).error != "");
}

TEST_CASE("postscreen: compatibility levels are compared number by number", "[migrate]")
{
    CHECK(compare_levels("3.6", "3.11") == -1);
    CHECK(compare_levels("3.6.0", "3.6") == 0);
    CHECK(compare_levels("2", "1.9") == 1);
    CHECK_FALSE(compare_levels("3.x", "3").has_value());
    CHECK_FALSE(compare_levels("", "3").has_value());
    CHECK_FALSE(compare_levels("3.", "3").has_value());
}

TEST_CASE("expand: names that stand for nothing are named, those asked about are not", "[migrate]")
{
    const auto undefined = [](std::string_view text) {
        return expand(text,
                      [](std::string_view name) -> std::optional<std::string> {
                          if (name == "a") return "$b ${b}";
                          return name == "empty" ? std::optional<std::string>{""} : std::nullopt;
                      })
            .undefined;
    };
    using texts = std::vector<std::string>;
    CHECK(undefined("$b $(c) x") == texts{"b", "c"});
    CHECK(undefined("$a") == texts{"b"});
    CHECK(undefined("${b?x}${b:y} ${b?{$c}:{z}} $empty $$b").empty());
    CHECK(undefined("${empty:$c}") == texts{"c"});
}

} // namespace fendmail::app::postscreen

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/migrate/draft.hpp"

#include "support/catch.hpp"

namespace fendmail::app::postscreen {

TEST_CASE("draft: keys stand in the order of the table of keys, comments above them", "[migrate]")
{
    draft made;
    made.put("greet", "ttl", "\"2d\"", {{"from here", false}});
    made.put("greet", "banner", "\"hi\"");
    made.put("server", "hostname", "\"mx\"", {{"look", true}});
    made.add_comment("greet", "banner", {"later", false});
    made.add_comment("store", "", {"about the section", false});
    made.add_leftover({"the rest", true});
    CHECK(made.to_toml({"head", ""}) == R"(# head
#

[server]
# ATTENTION: look
hostname = "mx"

[greet]
# later
banner = "hi"
# from here
ttl = "2d"

[store]
# about the section

# -- What has no key --
# ATTENTION: the rest
)");
    CHECK(made.remarks.empty());
}

TEST_CASE("draft: long comments are wrapped and hold no control characters", "[migrate]")
{
    draft made;
    std::string words;
    for (int i = 0; i < 30; ++i)
        words += "word\t";
    made.put("greet", "ttl", "\"1d\"", {{words, false}});
    const std::string text = made.to_toml({});
    CHECK(text.find("\n#   word") != std::string::npos);
    CHECK(text.find('\t') == std::string::npos);
}

TEST_CASE("draft: texts are written as TOML strings", "[migrate]")
{
    CHECK(toml_text("plain") == R"("plain")");
    CHECK(toml_text(R"(back\slash)") == R"('back\slash')");
    CHECK(toml_text(R"(a "quote")") == R"('a "quote"')");
    CHECK(toml_text(R"(it's "both\")") == R"("it's \"both\\\"")");
    CHECK(toml_text("line\nbreak") == R"("line break")");
    bool broken = false;
    CHECK(toml_text("${HOME} $x $", &broken) == R"("{HOME} $x $")");
    CHECK(broken);
    CHECK(toml_list({}) == "[]");
    CHECK(toml_list({"a", "b"}) == R"(["a", "b"])");
    CHECK(
        toml_list(std::vector<std::string>(20, "12345678")).starts_with("[\n    \"12345678\",\n"));
    CHECK(toml_table({}) == "{}");
    CHECK(toml_table({{"a.b", "c"}, {"d", "e"}}) == R"({ "a.b" = "c", "d" = "e" })");
}

} // namespace fendmail::app::postscreen

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/text/roff.hpp"

#include "support/catch.hpp"

#include <string>

using namespace fendmail;

namespace {

/// Without what every page begins with.
std::string body(const roff_page& page)
{
    const std::string_view before = ".nh\n";
    return page.text().substr(page.text().find(before) + before.size());
}

roff_page page()
{
    return {"x.toml", 5, "x 1.0"};
}

} // namespace

TEST_CASE("roff: nothing in a text means something to it", "[text]")
{
    CHECK(roff_text("a-b \"c\" 'd' \\e ^f ~g") ==
          "a\\-b \\(dqc\\(dq \\(aqd\\(aq \\ee \\(haf \\(tig");
    CHECK(roff_text("say `a \"b\"` and **c** now") ==
          "say \\fBa \\(dqb\\(dq\\fR and \\fBc\\fR now");
    CHECK(roff_text("`a` b", true) == "\\fBa\\fB b");
    CHECK(roff_text("`**`") == "\\fB**\\fR");
}

TEST_CASE("roff: a page begins with its name and section", "[text]")
{
    CHECK(page().text().find("\n.TH \"X.TOML\" \"5\" \"\" \"x 1.0\" \"\"\n") != std::string::npos);
}

TEST_CASE("roff: no line of a text is a request", "[text]")
{
    auto one = page();
    one.paragraph(".cidr is a file");
    std::string words = "word";
    while (words.size() < 400)
        words += " .word";
    one.paragraph(words);
    one.verbatim(".a\n'b\nc");
    const auto text = body(one);
    CHECK(text.find("\n\\&.cidr is a file\n") != std::string::npos);
    CHECK(text.find("\n.word") == std::string::npos);
    CHECK(text.find("\n\\&.word") != std::string::npos);
    CHECK(text.find("\n\\&.a\n\\(aqb\nc\n") != std::string::npos);
    for (std::size_t at = 0, end = 0; at < text.size(); at = end + 1) {
        end = text.find('\n', at);
        CHECK(end - at < 110);
    }
}

TEST_CASE("roff: a paragraph behind a heading needs no request", "[text]")
{
    auto one = page();
    one.heading("NAME");
    one.paragraph("x - does y");
    one.paragraph("z");
    one.entry("-c", "What.");
    one.continued("More.");
    CHECK(body(one) ==
          ".SH \"NAME\"\nx \\- does y\n.PP\nz\n.TP\n\\fB\\-c\\fR\nWhat.\n.IP\nMore.\n");
}

TEST_CASE("roff: paragraphs and lists of Markdown", "[text]")
{
    auto one = page();
    one.heading("A");
    one.markdown("one\ntwo\n\nthree\n\n- **four**\n  five\n- six\n");
    CHECK(body(one) == ".SH \"A\"\none two\n.PP\nthree\n.IP \"\\(bu\" 2\n\\fBfour\\fR five\n"
                       ".IP \"\\(bu\" 2\nsix\n");
}

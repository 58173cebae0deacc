// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/footer.hpp"

#include "fendmail/core/limits.hpp"
#include "support/catch.hpp"
#include "support/script.hpp"

#include <algorithm>
#include <string>

using namespace fendmail;
using smtp::expand_footer;
using smtp::make_reply;
using smtp::with_footer;

namespace {

const smtp::footer_values values{"192.0.2.1", 1234, "Nov 21 06:07:08", "mx.example"};
const smtp::reply refusal = make_reply(550, "5.7.1", "No");

} // namespace

TEST_CASE("footer: its macros", "[smtp]")
{
    struct row {
        const char* text;
        const char* want;
    };
    for (const auto& [text, want] :
         {row{"", ""}, row{"plain", "plain"}, row{"$client_address", "192.0.2.1"},
          row{"${client_port}.", "1234."}, row{"($localtime)", "(Nov 21 06:07:08)"},
          row{"$server_name/$server_names", "mx.example/"}, row{"$$5 $ ${", "$5 $ ${"},
          row{"$client_address$client_port", "192.0.2.11234"}}) {
        CAPTURE(text);
        CHECK(expand_footer(text, values) == want);
    }
    CHECK(expand_footer("$server_name", {"", 0, "", "a\rb\x7f"}) == "a_b_");
}

TEST_CASE("footer: a macro that does not exist is found", "[smtp]")
{
    CHECK(smtp::unknown_macro("$client_address $$x ${server_name} $").empty());
    CHECK(smtp::unknown_macro("a $helo_name") == "helo_name");
    CHECK(smtp::unknown_macro("${nobody}") == "nobody");
    CHECK(smtp::unknown_macro("${recipient?for}") == "recipient?for");
    CHECK(smtp::unknown_macro("${}").data() != nullptr);
}

TEST_CASE("footer: stands behind every 4xx and 5xx and no other reply", "[smtp]")
{
    CHECK(to_wire(with_footer(refusal, "Ask us")) == "550-5.7.1 No\r\n550 5.7.1 Ask us\r\n");
    CHECK(to_wire(with_footer(make_reply(421, "", "busy"), "Ask us")) ==
          "421-busy\r\n421 Ask us\r\n");
    CHECK(to_wire(with_footer(make_reply(250, "2.0.0", "Ok"), "Ask us")) == "250 2.0.0 Ok\r\n");
    CHECK(with_footer(refusal, "") == refusal);
}

TEST_CASE("footer: goes on in the same line, and has several", "[smtp]")
{
    CHECK(to_wire(with_footer(refusal, "\\c. Ask us")) == "550 5.7.1 No. Ask us\r\n");
    CHECK(to_wire(with_footer(refusal, "\\c: a\\nb\\nc")) ==
          "550-5.7.1 No: a\r\n550-5.7.1 b\r\n550 5.7.1 c\r\n");
}

TEST_CASE("footer: a reply line keeps to its limit", "[smtp]")
{
    for (const auto* start : {"", "\\c"}) {
        const auto wire = to_wire(with_footer(refusal, start + std::string(5000, 'x')));
        const auto last = wire.rfind("550 5.7.1");
        CHECK(wire.size() - last == limits::reply_line_octets);
    }
    std::string many;
    for (int i = 0; i < 1000; ++i)
        many += "x\\n";
    CHECK(with_footer(refusal, many).lines.size() == limits::reply_lines);
}

TEST_CASE("footer: is on the wire of a dialog and not in its notes", "[smtp]")
{
    smtp::dialog_options options;
    options.hostname = "mx.example";
    test::dialog_script{options}
        .silent()
        .refusing(refusal)
        .footer("\\c (see example)")
        .client("MAIL FROM:<a@b>")
        .server("250 2.1.0 Ok")
        .client("RCPT TO:<c@d>")
        .server("550 5.7.1 No (see example)")
        .notes("550 5.7.1 No; from=<a@b>, to=<c@d>, proto=SMTP, helo=<>")
        .client("HELP")
        .server("502 5.5.2 Error: command not recognized (see example)")
        .check();
}

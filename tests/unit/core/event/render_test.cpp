// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/event/render.hpp"

#include "event_rows.hpp"
#include "fendmail/core/limits.hpp"
#include "support/catch.hpp"

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <variant>

namespace fendmail::event {

namespace {

template <class Variant>
struct of_all;
template <class... Events>
struct of_all<std::variant<Events...>> {
    static std::set<std::string_view> names() { return {Events::about.name...}; }
    static std::size_t helpers() { return (std::size_t{!Events::about.program.empty()} + ...); }
};

std::string escaped(std::string_view text, std::size_t limit = 1000)
{
    fmt::memory_buffer out;
    append_escaped(out, text, limit);
    return fmt::to_string(out);
}

} // namespace

TEST_CASE("render: each event has a name of its own", "[event]")
{
    CHECK(of_all<any_event>::names().size() == std::variant_size_v<any_event>);
}

TEST_CASE("render: lines that Postfix's helpers write are theirs, and all others postscreen's",
          "[event]")
{
    CHECK(program_of(dnsbl_listed{}) == "dnsblog");
    CHECK(program_of(tls_started{}) == "tlsproxy");
    CHECK(program_of(passed{}).empty());
    CHECK(of_all<any_event>::helpers() == 2);
}

TEST_CASE("render: the time is the first field where there is one", "[event]")
{
    constexpr auto now = "2025-11-21T06:07:08.123Z";
    fmt::memory_buffer json_line;
    render_json(json_line, store_swept{1, 2}, now);
    CHECK(fmt::to_string(json_line) ==
          R"({"time":"2025-11-21T06:07:08.123Z","event":"store_swept","level":"info",)"
          R"("retained":1,"dropped":2})");
    fmt::memory_buffer logfmt_line;
    render_logfmt(logfmt_line, store_swept{1, 2}, now);
    CHECK(fmt::to_string(logfmt_line) ==
          "time=2025-11-21T06:07:08.123Z event=store_swept level=info retained=1 dropped=2");
}

TEST_CASE("render: escaping leaves printable ASCII and turns all else into C escapes", "[event]")
{
    CHECK(escaped("EHLO a.example") == "EHLO a.example");
    CHECK(escaped("a\\b") == R"(a\\b)");
    CHECK(escaped("\a\b\f\n\r\t\v") == R"(\a\b\f\n\r\t\v)");
    CHECK(escaped("\x1b[31m") == R"(\033[31m)");
    CHECK(escaped(std::string_view{"\0001", 2}) == R"(\0001)");
    CHECK(escaped("\x7f") == R"(\177)");
    CHECK(escaped("\xc3\xa4") == R"(\303\244)");
    CHECK(escaped("\xc2\x9b") == R"(\302\233)");
    CHECK(escaped("\x9b\xff") == R"(\233\377)");
    CHECK(escaped("abc", 2) == "ab");
    CHECK(escaped("\n\n\n", 2) == R"(\n\n)");
    CHECK(escaped("") == "");
    CHECK(is_printable_ascii(escaped(every_octet())));
}

TEST_CASE("render: a client cannot close the bracket around its text", "[event]")
{
    const recipient_refused what{
        client, "550 5.7.1 no", "a>, to=<b", "c", "x>, proto=ESMTP, helo=<y", true};
    CHECK(as_postscreen(what) ==
          "NOQUEUE: reject: RCPT from [192.0.2.1]:12345: 550 5.7.1 no; "
          R"(from=<a\076, to=\074b>, to=<c>, proto=ESMTP, helo=<x\076, proto=ESMTP, helo=\074y>)");
}

TEST_CASE("render: client text is cut, our own text is not", "[event]")
{
    const std::string text(limits::log_text_octets + 1, 'x');
    const std::string cut(limits::log_text_octets, 'x');
    CHECK(as_postscreen(mail_without_recipient{client, text}) ==
          cut + " without valid RCPT from [192.0.2.1]:12345");
    CHECK(as_postscreen(pregreeted{client, 101, milliseconds{0}, text}) ==
          "PREGREET 101 after 0 from [192.0.2.1]:12345: " + cut);
    CHECK(as_postscreen(recipient_refused{client, text, text, text, text, true}) ==
          "NOQUEUE: reject: RCPT from [192.0.2.1]:12345: " + text + "; from=<" + cut + ">, to=<" +
              cut + ">, proto=ESMTP, helo=<" + cut + ">");
    CHECK(as_logfmt(mail_without_recipient{client, text}) ==
          "event=mail_without_recipient level=info session=7 client=192.0.2.1 client_port=12345 "
          "verb=" +
              cut);
    CHECK(as_postscreen(notice{text}) == text);
}

} // namespace fendmail::event

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/data_guard.hpp"

#include "support/catch.hpp"
#include "support/guard_session.hpp"

#include <string>
#include <string_view>
#include <vector>

using namespace fendmail;
using namespace std::string_literals;
using smtp::guard_fault;
using smtp::guard_options;
using smtp::guard_place;
using namespace fendmail::test;
using kind = smtp::guard_fault_kind;

TEST_CASE("data guard: honest sessions pass untouched", "[smtp]")
{
    // One command at a time, a quoted dot, two mails, and what a mail may hold.
    check_passes({{S("220 mx ESMTP\r\n"),
                   C("EHLO a\r\n"),
                   S("250-mx\r\n250 DSN\r\n"),
                   C("MAIL FROM:<a@b>\r\n"),
                   S("250 ok\r\n"),
                   C("RCPT TO:<c@d>\r\n"),
                   S("250 ok\r\n"),
                   C("DATA\r\n"),
                   S("354 go\r\n"),
                   C("Subject: x\r\n\r\n..dot\r\nDATA\r\n.x\r\n.\r\n"),
                   S("250 queued\r\n"),
                   C("RSET\r\n"),
                   S("250 ok\r\n"),
                   C("MAIL FROM:<a@b>\r\n"),
                   S("250 ok\r\n"),
                   C("RCPT TO:<c@d>\r\n"),
                   S("250 ok\r\n"),
                   C("data\r\n"),
                   S("354 go\r\n"),
                   C(".\r\n"),
                   S("550 5.7.1 no\r\n"),
                   C("QUIT\r\n"),
                   S("221 bye\r\n")},
                  {.replies_awaited = 1}});
    // Pipelined groups, each with the end of the mail before.
    check_passes(
        {{C("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"), S("250 a\r\n250 b\r\n354 go\r\n"),
          C("one\r\n.\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"),
          S("250 queued\r\n250 a\r\n250 b\r\n354 go\r\n"), C("two\r\n.\r\nQUIT\r\n"),
          S("250 queued\r\n221 bye\r\n")}});
    // DATA refused: what follows is commands.
    check_passes({{C("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"),
                   S("250 a\r\n550 b\r\n554 no valid recipients\r\n"), C("RSET\r\nQUIT\r\n"),
                   S("250 ok\r\n221 bye\r\n")}});
    // Replies of many lines count once.
    check_passes({{C("HELP\r\nRCPT TO:<c@d>\r\nDATA\r\n"),
                   S("214-a\r\n214-354 b\r\n214 c\r\n250-a\r\n250 b\r\n354-go\r\n354 on\r\n"),
                   C("a\r\n.\r\n"), S("250-queued\r\n250 as 354\r\n")}});
    // An <LF> alone ends a command line, as servers have it, and an empty line is one.
    check_passes({{C("EHLO a\n"), S("250 ok\r\n"), C("NOOP\nNOOP\r\n\r\n"), S("250 a\r\n"),
                   S("250 b\r\n500 c\r\n"), C("DATA\r\n"), S("354 go\r\n"), C("a\r\n.\r\n"),
                   S("250 queued\r\n")}});
    // NULs and octets above 127 in a mail are the backend's business.
    check_passes({{to_message, go_ahead, C("a\0b\r\n\0\r\n\xc3\xa4\r\n.\r\n"s), S("250 ok\r\n")}});
}

TEST_CASE("data guard: behind DATA nothing passes before its reply", "[smtp]")
{
    for (const std::string data :
         {"DATA\r\n", "data\r\n", "dAtA\r\n", "DATA \r\n", "DATA x\r\n", " DATA\r\n", "\tDATA\r\n",
          "\v\f DATA\r\n", "DATABASE\r\n", "DATA:\r\n"}) {
        CAPTURE(data);
        const std::string line = "RCPT TO:<c@d>\r\n" + data;
        CHECK(
            course_of({{C(line + "a\r\n.\r\nQUIT\r\n")}}) ==
            guarded{.to_backend = line, .left = "a\r\n.\r\nQUIT\r\n", .waits = true, .awaited = 2});
        // The reply to RCPT is not the one.
        CHECK(course_of({{C(line + "a\r\n.\r\nQUIT\r\n"), S("250 ok\r\n")}}) ==
              guarded{.to_backend = line,
                      .to_client = "250 ok\r\n",
                      .left = "a\r\n.\r\nQUIT\r\n",
                      .waits = true,
                      .awaited = 1});
        // With 354 it was a message, with anything else commands.
        CHECK(course_of({{C(line + "a\r\n.\r\nQUIT\r\n"), S("250 ok\r\n354 go\r\n")}}) ==
              guarded{.to_backend = line + "a\r\n.\r\nQUIT\r\n",
                      .to_client = "250 ok\r\n354 go\r\n",
                      .awaited = 2});
        CHECK(course_of({{C(line + "a\r\n.\r\nQUIT\r\n"), S("250 ok\r\n503 no\r\n")}}) ==
              guarded{.to_backend = line + "a\r\n.\r\nQUIT\r\n",
                      .to_client = "250 ok\r\n503 no\r\n",
                      .awaited = 3});
    }
    // A server that does not answer an empty line: its 354 is still that of DATA, as its 334 is
    // that of AUTH.
    check_passes({{C("\r\nDATA\r\n"), S("354 go\r\n"), C("a\r\n.\r\n"), S("250 ok\r\n")}});
    check_passes({{C("\r\nAUTH LOGIN\r\n"), S("334 a\r\n"), C("x\r\n"), S("235 ok\r\n")}});
}

TEST_CASE("data guard: a buffer of two octets does not stop a session", "[smtp]")
{
    const std::string text =
        "EHLO a\r\nNOOP\r\nDATA\r\n\r\n.x\r\n.\r\nBDAT 3 LAST\r\n\r\n\rQUIT\r\n";
    std::string replies =
        "250-a\r\n250 CHUNKING\r\n250 ok\r\n354 go\r\n250 a\r\n250 b\r\n221 c\r\n";
    smtp::data_guard guard;
    std::string_view coming = text;
    std::string buffer;
    std::string to_backend;
    for (int round = 0; round < 1000; ++round) {
        const std::string_view fresh = coming.substr(0, 2 - buffer.size());
        coming.remove_prefix(fresh.size());
        buffer += fresh;
        const smtp::guard_step step = guard.on_client(buffer);
        to_backend += step.forward;
        buffer.erase(0, step.forward.size());
        if (!guard.client_waits() && guard.replies_awaited() < 2) continue;
        const std::size_t end = replies.find("\r\n") + 2;
        CHECK(guard.on_backend(replies.substr(0, end)).forward.size() == end);
        replies.erase(0, end);
    }
    CHECK(to_backend == text);
    CHECK(replies == "221 c\r\n");
    CHECK_FALSE(guard.fault());
}

TEST_CASE("data guard: EHLO, HELO and AUTH are waited for as well", "[smtp]")
{
    for (const std::string line : {"EHLO a\r\n", "helo a\n", " EHLO a\r\n", "AUTH PLAIN x\r\n"}) {
        CAPTURE(line);
        CHECK(course_of({{C("NOOP\r\n" + line + "NOOP\r\n"), S("250 ok\r\n")}}) ==
              guarded{.to_backend = "NOOP\r\n" + line,
                      .to_client = "250 ok\r\n",
                      .left = "NOOP\r\n",
                      .waits = true,
                      .awaited = 1});
        check_passes({{C(line + "NOOP\r\n"), S("550 no\r\n"), S("250 ok\r\n")}});
    }
}

TEST_CASE("data guard: a response within AUTH is no command", "[smtp]")
{
    check_passes({{C("AUTH LOGIN\r\n"), S("334 VXNlcm5hbWU6\r\n"), C("ZnJlZA==\r\n"),
                   S("334 UGFzc3dvcmQ6\r\n"), C("c2VjcmV0\r\n"), S("235 ok\r\n"),
                   C("MAIL FROM:<a@b>\r\n"), S("250 ok\r\n")}});
    check_passes({{C("AUTH LOGIN\r\nZnJlZA==\r\nc2VjcmV0\r\n"), S("334 a\r\n"), S("334 b\r\n"),
                   S("535 no\r\n")}});
    check_passes({{C("AUTH LOGIN\r\n"), S("334 a\r\n"), C("*\r\n"), S("501 ok\r\n")}});
    // Whatever it looks like: 235 would be no answer to DATA, and BDAT has no chunk here.
    check_passes({{C("AUTH PLAIN\r\n"), S("334 \r\n"), C("DATA\r\n"), S("235 ok\r\n")}});
    check_passes({{C("AUTH PLAIN\r\n"), S("334 \r\n"), C("BDAT 100 LAST\r\n"), S("535 no\r\n"),
                   C("NOOP\r\n"), S("250 ok\r\n")},
                  with_chunking});
    // But each of them is waited for, for the next may be a command again.
    CHECK(course_of({{C("AUTH LOGIN\r\n"), S("334 a\r\n"), C("BDAT 9\r\nDATA\r\n\n.\n")},
                     with_chunking}) == guarded{.to_backend = "AUTH LOGIN\r\nBDAT 9\r\n",
                                                .to_client = "334 a\r\n",
                                                .left = "DATA\r\n\n.\n",
                                                .waits = true,
                                                .awaited = 1});
    CHECK(course_of(
              {{C("AUTH LOGIN\r\n"), S("334 a\r\n"), C("BDAT 9\r\nDATA\r\n\n.\n"), S("535 no\r\n")},
               with_chunking}) == guarded{.to_backend = "AUTH LOGIN\r\nBDAT 9\r\nDATA\r\n",
                                          .to_client = "334 a\r\n535 no\r\n",
                                          .left = "\n.\n",
                                          .waits = true,
                                          .awaited = 1});
}

TEST_CASE("data guard: every other end of data is made text, and the message goes on", "[smtp]")
{
    struct row {
        const char* title;
        std::string end;
        std::string passes;
    };
    static const std::vector<row> rows{
        {"<LF>.<LF>", "\n.\n", "\n..\n"},
        {"<LF>.<CRLF>", "\n.\r\n", "\n..\r\n"},
        {"<LF>.<CR>", "\n.\rx", "\n..\rx"},
        {"<CR>.<CR>", "\r.\rx", "\r..\rx"},
        {"<CR>.<CRLF>", "\r.\r\n", "\r..\r\n"},
        {"<CR>.<LF>", "\r.\n", "\r..\n"},
        {"<CRLF>.<LF>", "\r\n.\n", "\r\n..\n"},
        {"<CRLF>.<CR>", "\r\n.\rx", "\r\n..\rx"},
        {"<CRLF>.<CR><CRLF>", "\r\n.\r\r\n", "\r\n..\r\r\n"},
        {"<CR><CRLF>.<CR><CRLF>", "\r\r\n.\r\r\n", "\r\r\n..\r\r\n"},
        {"<CRLF><NUL>.<CRLF>", "\r\n\0.\r\n"s, "\r\n\0..\r\n"s},
        {"<CRLF>.<NUL><CRLF>", "\r\n.\0\r\n"s, "\r\n..\0\r\n"s},
        {"<CR><NUL><LF>.<CRLF>", "\r\0\n.\r\n"s, "\r\0\n..\r\n"s},
        {"twice", "\n.\n.\r\n", "\n..\n..\r\n"},
    };
    const auto check = [](const script& s, const std::string& to_backend) {
        const guarded got = course_of(s);
        CHECK(got == guarded{.to_backend = to_backend, .to_client = all_of(s, from::backend)});
    };
    for (const row& r : rows) {
        CAPTURE(r.title);
        const std::string text = "Subject: x\r\n\r\nbody";
        const std::string rest = "MAIL FROM:<evil@x>\r\n.\r\n";
        check({{to_message, go_ahead, C(text + r.end + rest), S("250 ok\r\n")}},
              "DATA\r\n" + text + r.passes + rest);
        // Also where the message has only begun, and in a second one.
        const std::string first = r.end.starts_with("\r\n") ? r.end.substr(2) : r.end;
        const std::string passes = r.passes.starts_with("\r\n") ? r.passes.substr(2) : r.passes;
        check({{C("NOOP\r\nDATA\r\n"), S("250 ok\r\n354 go\r\n"), C("a\r\n.\r\nDATA\r\n"),
                S("250 queued\r\n354 go\r\n"), C(first + "x\r\n.\r\n"), S("250 ok\r\n")}},
              "NOOP\r\nDATA\r\na\r\n.\r\nDATA\r\n" + passes + "x\r\n.\r\n");
        // And when the message was sent without waiting.
        check({{C("DATA\r\n" + text + r.end + rest), go_ahead, S("250 ok\r\n")}},
              "DATA\r\n" + text + r.passes + rest);
    }
}

TEST_CASE("data guard: behind the end of an irregular message nothing passes before its reply",
          "[smtp]")
{
    for (const std::string& message : {"a\nb\r\n.\r\n"s, "a\rb\r\n.\r\n"s, "a\r\r\n.\r\n"s,
                                       "\0\r\n.\r\n"s, "\n.\n\r\n.\r\n"s, "\r\n.\r\r\n.\r\n"s}) {
        CAPTURE(message);
        const guarded held = course_of({{to_message, go_ahead, C(message + "QUIT\r\n")}});
        CHECK(held.left == "QUIT\r\n");
        CHECK(held.waits);
        CHECK(held.awaited == 1);
        CHECK(held.to_backend.ends_with("\r\n.\r\n"));
        const guarded freed = course_of(
            {{to_message, go_ahead, C(message + "QUIT\r\n"), S("250 ok\r\n"), S("221 bye\r\n")}});
        CHECK(freed.to_backend == held.to_backend + "QUIT\r\n");
        CHECK_FALSE(freed.fault);
    }
}

TEST_CASE("data guard: a bare <CR> or <LF> anywhere in a message passes, and ends nothing",
          "[smtp]")
{
    const std::string message = "Subject: x\r\n\r\n..body\r\n.x\r\n\r\ny\r\n";
    for (std::size_t at = 0; at + 1 < message.size(); ++at) {
        for (const char octet : {'\r', '\n'}) {
            std::string odd = message;
            odd.insert(at, 1, octet);
            if (odd.find(std::string{"\n."} + octet) != std::string::npos) continue; // see above
            CAPTURE(at, octet == '\r' ? "CR" : "LF");
            check_passes({{to_message, go_ahead, C(odd + ".\r\n"), S("250 ok\r\n")}});
        }
    }
}

TEST_CASE("data guard: who ends DATA in an <LF> ends its message so, if the backend will", "[smtp]")
{
    for (const std::string end : {"\n.\n", "\n.\r\n", "\r\n.\n", "\r\n.\r\n"}) {
        CAPTURE(end);
        const script s{{C("RCPT TO:<c@d>\n"), S("250 ok\r\n"), C("DATA\n"), S("354 go\r\n"),
                        C("a: b\n\n..x\n.y" + end + "QUIT\n"), S("250 queued\r\n"),
                        S("221 bye\r\n")}};
        CHECK(course_of(s) ==
              guarded{.to_backend = "RCPT TO:<c@d>\nDATA\na: b\r\n\r\n..x\r\n.y\r\n.\r\nQUIT\n",
                      .to_client = all_of(s, from::backend)});
    }
    // Others do not end it for this client either.
    CHECK(course_of({{C("DATA\n"), go_ahead, C("a\r.\rb\n.\rc\n\0.\n"s)}}).to_backend ==
          "DATA\na\r..\rb\r\n..\rc\r\n\0..\r\n"s);
    // The next one is its own.
    CHECK(course_of({{C("DATA\n"), go_ahead, C(".\n"), S("250 ok\r\n"), C("DATA\r\n"), go_ahead,
                      C("\n.\n")}})
              .to_backend == "DATA\n.\r\nDATA\r\n\n..\n");
    // Within AUTH it is no command.
    check_passes({{C("AUTH LOGIN\n"), S("334 a\r\n"), C("DATA\n"), S("535 no\r\n")}});
}

TEST_CASE("data guard: nothing passes behind a line with a bare <LF> before its reply", "[smtp]")
{
    for (const std::string line : {"NOOP\n", "\n", "NOOP\r\r\n", "\r\r\n", "DATA\r\r\r\n",
                                   "RCPT TO:<c@d>\n", "EHLO a\n", "DATA\n"}) {
        CAPTURE(line);
        CHECK(course_of({{C("NOOP\r\n" + line + "BDAT 1 LAST\r\nx"), S("250 ok\r\n")},
                         with_chunking}) == guarded{.to_backend = "NOOP\r\n" + line,
                                                    .to_client = "250 ok\r\n",
                                                    .left = "BDAT 1 LAST\r\nx",
                                                    .waits = true,
                                                    .awaited = 1});
    }
    // A chunk cannot be waited for, so its line is made one that all read alike.
    CHECK(course_of({{C("NOOP\nBDAT 3\nx\nyBDAT 0 LAST\nNOOP\r\n"), S("250 ok\r\n"),
                      S("250 a\r\n250 b\r\n250 c\r\n")},
                     with_chunking}) ==
          guarded{.to_backend = "NOOP\nBDAT 3\r\nx\nyBDAT 0 LAST\r\nNOOP\r\n",
                  .to_client = "250 ok\r\n250 a\r\n250 b\r\n250 c\r\n"});
    check_passes(
        {{C("BDAT 1\r\nx"), S("250 ok\r\n"), C("RSET\n"), S("250 ok\r\n")}, with_chunking});
}

TEST_CASE("data guard: a client that takes a false end for the end can be told", "[smtp]")
{
    for (const std::string end : {"\n.\n", "\n.\r\n", "\r\n.\n", "\r.\rx\r.\r\n"}) {
        CAPTURE(end);
        guard_session session;
        session.client("DATA\r\n");
        session.backend("354 go\r\n");
        session.client("a" + end);
        CHECK(session.guard().is_at_false_end());
        // A mail that only holds such a line goes on.
        session.client("b");
        CHECK_FALSE(session.guard().is_at_false_end());
        session.client(end);
        smtp::data_guard& guard = session.guard_for_bulk();
        REQUIRE(guard.is_at_false_end());
        CHECK(guard.had_false_end());
        guard.give_up_message();
        CHECK_FALSE(guard.is_at_false_end());
        REQUIRE(guard.fault());
        CHECK(*guard.fault() ==
              guard_fault{kind::false_end, guard_place::message, 2 * end.size() + 2});
        CHECK(guard.on_client("\r\n.\r\n").forward.empty());
        CHECK(guard.on_backend("250 queued\r\n").forward.empty());
    }
    for (const std::string text : {"a\n", "a\r\n", ".x\n", "\n..\n", "\r\n.\r\n", "..\r\n"}) {
        CAPTURE(text);
        guard_session session;
        session.client("DATA\r\n");
        session.backend("354 go\r\n");
        session.client(text);
        CHECK_FALSE(session.guard().is_at_false_end());
        CHECK_FALSE(session.guard().had_false_end());
    }
}

TEST_CASE("data guard: command lines that servers read differently are faults", "[smtp]")
{
    constexpr guard_options short_lines{.has_chunking = true, .line_octets = 16};
    const auto in_command = [](kind k, std::uint64_t offset) {
        return guard_fault{k, guard_place::command, offset};
    };
    check_faults({{C("NOOP\r\nNO\rOP\r\nNOOP\r\n")}}, "NOOP\r\nNO", in_command(kind::bare_cr, 2));
    check_faults({{C("NOOP\r\rX\r\n")}}, "NOOP\r", in_command(kind::bare_cr, 5));
    check_faults({{C("BDAT 1 LAST\r\r\nx")}, with_chunking}, "BDAT 1 LAST\r\r",
                 in_command(kind::bad_bdat, 13));
    check_faults({{C("\rDATA\r\n")}}, "", in_command(kind::bare_cr, 0));
    check_faults({{C("DATA\0\r\n"s)}}, "DATA", in_command(kind::nul, 4));
    check_faults({{C("\0DATA\r\n"s)}}, "", in_command(kind::nul, 0));
    // The bound holds for the whole line, however it ends.
    check_passes({{C("NOOP 789012345\r\n"), S("250 ok\r\n")}, short_lines});
    check_passes({{C("NOOP 7890123456\n"), S("250 ok\r\n")}, short_lines});
    check_faults({{C("NOOP 7890123456\r\n")}, short_lines}, "NOOP 7890123456\r",
                 in_command(kind::line_too_long, 16));
    check_faults({{C("NOOP 78901234567\n")}, short_lines}, "NOOP 78901234567",
                 in_command(kind::line_too_long, 16));
    check_faults({{C("NOOP 78901234567\r\n")}, short_lines}, "NOOP 78901234567",
                 in_command(kind::line_too_long, 16));
    check_faults({{C("                DATA\r\n")}, short_lines}, "                ",
                 in_command(kind::line_too_long, 16));
    // Lines that pass one after the other are not added up.
    check_passes(
        {{C("NOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\n"), S("250 a\r\n250 b\r\n250 c\r\n250 d\r\n")},
         short_lines});
    // Blanks do not push a verb out of sight.
    const std::string indented = std::string(1000, ' ') + "DATA\r\n";
    CHECK(course_of({{C(indented + "\n")}}) ==
          guarded{.to_backend = indented, .left = "\n", .waits = true, .awaited = 1});
}

TEST_CASE("data guard: the longest line is below what any backend reads in two", "[smtp]")
{
    guard_session session;
    session.client("AUTH PLAIN " + std::string(limits::relayed_line_octets, 'x'));
    REQUIRE(session.guard().fault());
    CHECK(session.guard().fault()->kind == kind::line_too_long);
    CHECK(session.to_backend().size() == limits::relayed_line_octets);
    CHECK(limits::relayed_line_octets > 12288);
    CHECK(limits::relayed_line_octets < 16384);
}

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
using smtp::guard_next;
using smtp::guard_options;
using smtp::guard_place;
using namespace fendmail::test;
using kind = smtp::guard_fault_kind;

namespace {

guard_fault in_command(kind k, std::uint64_t offset)
{
    return {k, guard_place::command, offset};
}

/// The backend's octets pass up to the fault; whether the client was in a reply by then.
void check_backend_faults(const script& s, const std::string& passes, kind want,
                          std::uint64_t offset)
{
    const guarded got = course_of(s);
    CHECK(got.to_client == passes);
    REQUIRE(got.fault);
    CHECK(*got.fault == guard_fault{want, guard_place::reply, offset});

    guard_session session{s.options};
    for (const turn& t : s.turns)
        say(session, t.side, t.octets);
    CHECK(session.guard().is_reply_under_way() == (offset > 0));
    // Nothing passes any more, in neither direction.
    session.client("NOOP\r\n");
    session.backend("250 ok\r\n");
    CHECK(session.seen().to_client == passes);
    CHECK(session.to_backend() == got.to_backend);
}

} // namespace

TEST_CASE("data guard: a chunk passes whatever it holds", "[smtp][bdat]")
{
    const std::string chunk = "a\nb\rc\0\r\n.\r\nDATA\r\n"s;
    const std::string size = std::to_string(chunk.size());
    check_passes(
        {{C("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT " + size + " LAST\r\n" + chunk + "QUIT\r\n"),
          S("250 a\r\n250 b\r\n250 queued\r\n221 bye\r\n")},
         with_chunking});
    check_passes(
        {{C("bdat " + size + "\r\n" + chunk), S("250 ok\r\n"),
          C("BDAT " + size + "\r\n" + chunk + "NOOP\r\nBDAT 0 LAST\r\n"),
          S("250 ok\r\n250 ok\r\n250 queued\r\n"), C("MAIL FROM:<a@b>\r\n"), S("250 ok\r\n")},
         with_chunking});
    check_passes({{C("BDAT 1 last \r\n\nBDAT 1\r\n\rRSET\r\nMAIL FROM:<a@b>\r\n"),
                   S("250 queued\r\n250 ok\r\n250 ok\r\n250 ok\r\n")},
                  with_chunking});
    check_passes({{C("BDAT 1\r\nxQUIT\r\n"), S("552 no\r\n221 bye\r\n")}, with_chunking});
    // DATA behind the last chunk is looked at again.
    CHECK(course_of({{C("BDAT 3 LAST\r\n\n.\nDATA\r\n"), S("250 queued\r\n354 go\r\n"), C("\n.\n")},
                     with_chunking})
              .to_backend == "BDAT 3 LAST\r\n\n.\nDATA\r\n\n..\n");
}

TEST_CASE("data guard: a chunk that the backend would read as commands is a fault", "[smtp][bdat]")
{
    // Exim reads them so without CHUNKING; the backend's last reply to EHLO decides.
    const auto offered = S("250-mx\r\n250 CHUNKING\r\n");
    check_faults({{C("BDAT 1 LAST\r\nx")}}, "BDAT 1 LAST\r", in_command(kind::no_chunking, 12));
    check_passes({{C("EHLO a\r\n"), offered, C("BDAT 1 LAST\r\nx"), S("250 ok\r\n")}});
    check_passes({{C("EHLO a\r\nBDAT 1 LAST\r\nx"), offered, S("250 ok\r\n")}});
    for (const auto& [line, answer] : std::vector<std::pair<std::string, std::string>>{
             {"EHLO a\r\n", "250-mx\r\n250 DSN\r\n"},
             {"HELO a\r\n", "250 mx\r\n"},
             {"EHLO a\r\n", "550-no\r\n550 CHUNKING\r\n"}}) {
        CAPTURE(line, answer);
        check_faults({{C("EHLO a\r\n"), offered, C(line), S(answer), C("BDAT 1 LAST\r\nx")}},
                     "EHLO a\r\n" + line + "BDAT 1 LAST\r", in_command(kind::no_chunking, 12));
        check_faults({{C(line), S(answer), C("BDAT 1 LAST\r\nx")}, with_chunking},
                     line + "BDAT 1 LAST\r", in_command(kind::no_chunking, 12));
    }
    // A keyword in another command's reply offers nothing.
    check_faults({{C("NOOP\r\n"), offered, C("BDAT 1 LAST\r\nx")}}, "NOOP\r\nBDAT 1 LAST\r",
                 in_command(kind::no_chunking, 12));
}

TEST_CASE("data guard: BDAT that is hidden from the client is refused, whatever the backend offers",
          "[smtp][bdat]")
{
    const guard_options hidden{.has_chunking = true, .hides_chunking = true};
    check_faults({{C("NOOP\r\nBDAT 1 LAST\r\nx")}, hidden}, "NOOP\r\nBDAT 1 LAST\r",
                 in_command(kind::no_chunking, 12));
    check_faults(
        {{C("EHLO a\r\n"), S("250-mx\r\n250 CHUNKING\r\n"), C("BDAT 1 LAST\r\nx")}, hidden},
        "EHLO a\r\nBDAT 1 LAST\r", in_command(kind::no_chunking, 12));
}

TEST_CASE("data guard: BDAT has one form", "[smtp][bdat]")
{
    for (const std::string line : {"BDAT",
                                   "BDAT ",
                                   "BDAT LAST",
                                   "BDAT x",
                                   "BDAT 1x",
                                   "BDAT -1",
                                   "BDAT +1",
                                   "BDAT 0x1",
                                   "BDAT 1 LAS",
                                   "BDAT 1 LASTX",
                                   "BDAT 1 LAST 2",
                                   "BDAT 1LAST",
                                   "BDAT 1  LAST",
                                   "BDAT  1",
                                   "BDAT\t1",
                                   "BDAT 1\tLAST",
                                   " BDAT 1",
                                   "\tBDAT 1 LAST",
                                   "BDATX 1",
                                   "BDAT1",
                                   "BDAT 0",
                                   "BDAT 2147483648",
                                   "BDAT 4294967297 LAST",
                                   "BDAT 18446744073709551617 LAST",
                                   "BDAT 1 LAST                              2"}) {
        CAPTURE(line);
        check_faults({{C("NOOP\r\n" + line + "\r\nx")}, with_chunking}, "NOOP\r\n" + line + "\r",
                     in_command(kind::bad_bdat, line.size() + 1));
    }
    check_passes({{C("BDAT 0000000001 LAST \t\r\nx"), S("250 ok\r\n")}, with_chunking});
}

TEST_CASE("data guard: the largest chunk is one that 32 bits can hold", "[smtp][bdat]")
{
    guard_session session{with_chunking};
    session.client("BDAT 2147483647\r\n");
    const std::string zeros(1 << 20, '\0');
    for (int i = 0; i < 2047; ++i)
        CHECK(session.guard_for_bulk().on_client(zeros).forward.size() == zeros.size());
    CHECK(session.guard_for_bulk().on_client(zeros.substr(1)).forward.size() == zeros.size() - 1);
    session.client("BDAT 1 LAST\r\nxDATA\r\n\n");
    CHECK(session.to_backend() == "BDAT 2147483647\r\nBDAT 1 LAST\r\nxDATA\r\n");
    CHECK(session.seen().awaited == 3);
}

TEST_CASE("data guard: before the last chunk only what keeps Exim reading chunks may stand",
          "[smtp][bdat]")
{
    for (const std::string line :
         {"MAIL FROM:<a@b>\r\n", "DATA\r\n", "EHLO a\r\n", "AUTH PLAIN\r\n", "STARTTLS\r\n",
          "VRFY a\r\n", "\r\n", "RSET x\r\n", " RSET\r\n", "RSETX\r\n", "RSE\r\n", "NOOP x\r\n"}) {
        CAPTURE(line);
        const std::string passes = "BDAT 1\r\nx" + line.substr(0, line.size() - 1);
        check_faults({{C("BDAT 1\r\nx" + line)}, with_chunking}, passes,
                     in_command(kind::bad_bdat, line.size() - 1));
    }
    check_passes(
        {{C("BDAT 1\r\nxRSET \r\nMAIL FROM:<a@b>\r\n"), S("250 ok\r\n250 ok\r\n250 ok\r\n")},
         with_chunking});
}

TEST_CASE("data guard: behind the 220 for STARTTLS everything passes unseen", "[smtp][tls]")
{
    const guarded got =
        course_of({{C("EHLO a\r\n"), S("250 ok\r\n"), C("STARTTLS\r\n"), S("220 go\r\n"),
                    C("\x16\x03\x01\n.\n\r\0"s), S("\x16\x03\x03 999 no reply"), C("more"),
                    S("\r\n354 a\r\n")}});
    CHECK(got.to_backend == "EHLO a\r\nSTARTTLS\r\n\x16\x03\x01\n.\n\r\0more"s);
    CHECK(got.to_client == "250 ok\r\n220 go\r\n\x16\x03\x03 999 no reply\r\n354 a\r\n");
    CHECK_FALSE(got.fault);
    CHECK(got.left.empty());

    // Refused, it is a command like others.
    check_passes({{C("STARTTLS\r\n"), S("454 no\r\n"), C("DATA\r\n"), S("354 go\r\n"),
                   C("a\r\n.\r\n"), S("250 ok\r\n")}});
    CHECK(course_of(
              {{C("STARTTLS\r\n"), S("250 what\r\n"), C("DATA\r\n"), S("354 go\r\n"), C("a\n.\n")}})
              .to_backend == "STARTTLS\r\nDATA\r\na\n..\n");
}

TEST_CASE("data guard: plain text behind STARTTLS is not passed on", "[smtp][tls]")
{
    for (const std::string line : {"STARTTLS\r\n", "starttls\n", " STARTTLS x\r\n"}) {
        CAPTURE(line);
        check_faults({{C(line + "RSET\r\n")}}, line, in_command(kind::behind_starttls, 0));
        check_faults({{C(line), C("\r")}}, line, in_command(kind::behind_starttls, 0));
        // The replies before it are owed to the client; the one to STARTTLS no longer.
        const guarded got =
            course_of({{C("NOOP\r\n" + line + "RSET\r\n"), S("250 ok\r\n220 go\r\n")}});
        CHECK(got.to_backend == "NOOP\r\n" + line);
        CHECK(got.to_client == "250 ok\r\n");
        CHECK(got.fault == in_command(kind::behind_starttls, 0));
    }
    // An octet that the client may send since the reply is there is none of these.
    check_passes({{C("STARTTLS\r\n"), S("454 no\r\n"), C("RSET\r\n"), S("250 ok\r\n")}});
}

TEST_CASE("data guard: a reply that cannot be the answer ends the session", "[smtp]")
{
    // A positive one without a command would be taken for the acceptance of a mail.
    check_backend_faults({{S("250 ok\r\n")}}, "", kind::unexpected_reply, 0);
    check_backend_faults({{S("354 go\r\n")}}, "", kind::unexpected_reply, 0);
    check_backend_faults({{C("NOOP\r\n"), S("250 ok\r\n250 queued\r\n")}}, "250 ok\r\n",
                         kind::unexpected_reply, 0);
    check_backend_faults({{to_message, go_ahead, C("half\r\n"), S("250 queued\r\n")}}, "354 go\r\n",
                         kind::unexpected_reply, 0);
    check_backend_faults({{C("NOOP"), S("250 ok\r\n")}}, "", kind::unexpected_reply, 0);
    // 354 for anything but DATA: the backend takes for a mail what was meant for commands.
    check_backend_faults({{C("NOOP\r\n"), S("354 go\r\n")}}, "", kind::unexpected_reply, 0);
    check_backend_faults({{C("EHLO a\r\n"), S("354 go\r\n")}}, "", kind::unexpected_reply, 0);
    check_backend_faults({{C("AUTH PLAIN\r\n"), S("354 go\r\n")}}, "35", kind::unexpected_reply, 2);
    check_backend_faults({{C("NOOP\r\n"), S("334 a\r\n")}}, "", kind::unexpected_reply, 0);
    check_backend_faults({{C("AUTH PLAIN\r\n"), S("350 a\r\n")}}, "35", kind::unexpected_reply, 2);
    // DATA is answered with 354 or refused: with anything else the two have lost count.
    check_backend_faults({{C("DATA\r\n"), S("250 ok\r\n")}}, "", kind::unexpected_reply, 0);
    check_backend_faults({{C("NOOP\r\nDATA\r\n"), S("250 ok\r\n250 ok\r\n")}}, "250 ok\r\n",
                         kind::unexpected_reply, 0);
    check_backend_faults({{C("DATA\r\n"), S("334 a\r\n")}}, "33", kind::unexpected_reply, 2);
}

TEST_CASE("data guard: a backend that does not speak SMTP ends the session", "[smtp]")
{
    check_backend_faults({{S("hello\r\n")}}, "", kind::bad_reply, 0);
    check_backend_faults({{C("NOOP\r\n"), S("hello\r\n")}}, "", kind::bad_reply, 0);
    check_backend_faults({{C("NOOP\r\n"), S("25\r\n")}}, "25", kind::bad_reply, 2);
    check_backend_faults({{C("NOOP\r\n"), S("250-a\r\n550 b\r\n")}}, "250-a\r\n", kind::bad_reply,
                         7);
    guard_session session;
    session.client("NOOP\r\n");
    session.backend("250 " + std::string(limits::relayed_reply_octets, 'x'));
    CHECK(session.seen().to_client.size() == limits::relayed_reply_octets);
    CHECK(session.guard().fault() ==
          guard_fault{kind::reply_too_long, guard_place::reply, limits::relayed_reply_octets});
}

TEST_CASE("data guard: a 421 ends the session, whether or not it was asked for", "[smtp]")
{
    const auto ended = [](std::string to_backend, std::string to_client, std::string left,
                          std::uint64_t awaited) {
        return guarded{.to_backend = std::move(to_backend),
                       .to_client = std::move(to_client),
                       .left = std::move(left),
                       .has_ended = true,
                       .awaited = awaited};
    };
    CHECK(course_of({{S("421 timeout\r\n"), C("NOOP\r\n")}}) ==
          ended("", "421 timeout\r\n", "NOOP\r\n", 0));
    CHECK(course_of({{C("NOOP\r\n"), S("421-too\r\n421 many\r\n"), C("NOOP\r\n")}}) ==
          ended("NOOP\r\n", "421-too\r\n421 many\r\n", "NOOP\r\n", 1));
    CHECK(course_of({{C("NO"), S("421 timeout\r\n"), C("OP\r\n")}}) ==
          ended("NO", "421 timeout\r\n", "OP\r\n", 0));
    CHECK(course_of({{to_message, go_ahead, C("a\r\n"), S("421 down\r\n"), C(".\r\nDATA\r\n")}}) ==
          ended("DATA\r\na\r\n", "354 go\r\n421 down\r\n", ".\r\nDATA\r\n", 0));
    CHECK(course_of({{C("BDAT 3\r\nx"), S("421 down\r\n"), C("yz")}, with_chunking}) ==
          ended("BDAT 3\r\nx", "421 down\r\n", "yz", 1));
    // Nothing behind it reaches the client.
    CHECK(course_of({{C("NOOP\r\nNOOP\r\n"), S("421 down\r\n250 ok\r\n")}}) ==
          ended("NOOP\r\nNOOP\r\n", "421 down\r\n", "", 2));
    // Another refusal without a command means that the backend has given up, too: what
    // follows of the mail might be commands for it.
    CHECK(course_of({{to_message, go_ahead, C("a\r\n"), S("552-too\r\n552 big\r\n"),
                      C("RSET\r\n.\r\n")}}) ==
          ended("DATA\r\na\r\n", "354 go\r\n552-too\r\n552 big\r\n", "RSET\r\n.\r\n", 0));
    CHECK(course_of({{S("451 down\r\n250 ok\r\n")}}) == ended("", "451 down\r\n", "", 0));
    // While it is said nothing passes to the backend, and the session has not ended yet.
    guard_session session;
    session.backend("421-a\r\n42");
    session.client("NOOP\r\n");
    CHECK(session.seen().to_client == "421-a\r\n42");
    CHECK(session.to_backend().empty());
    CHECK(session.guard().is_reply_under_way());
    CHECK(session.guard().client_waits());
    CHECK_FALSE(session.seen().has_ended);
    session.backend("1 b\r\n");
    CHECK(session.seen().to_client == "421-a\r\n421 b\r\n");
    CHECK(session.seen().has_ended);
}

TEST_CASE("data guard: an ended session asks for nothing of the client", "[smtp]")
{
    guard_session session;
    session.client("STARTTLS\r\n");
    session.backend("421 down\r\n");
    session.client("RSET\r\n");
    CHECK(session.seen().has_ended);
    CHECK_FALSE(session.seen().fault);
}

TEST_CASE("data guard: after a fault of the client the replies that are owed still pass", "[smtp]")
{
    // The first mail was taken: who does not learn it sends it again.
    smtp::data_guard guard;
    CHECK(guard.on_client("DATA\r\n").then == guard_next::wait);
    CHECK(guard.on_backend("354 go\r\n").then == guard_next::go_on);
    const std::string_view rest = "a\r\n.\r\nRSET\r\nMAIL\rFROM\r\n";
    const smtp::guard_step step = guard.on_client(rest);
    CHECK(step.then == guard_next::fault);
    CHECK(step.forward == "a\r\n.\r\nRSET\r\nMAIL");
    CHECK(guard.fault() == in_command(kind::bare_cr, 4));
    CHECK(guard.replies_awaited() == 2);
    CHECK(guard.on_backend("250 que").then == guard_next::go_on);
    CHECK(guard.on_backend("ued\r\n").then == guard_next::go_on);
    const smtp::guard_step last = guard.on_backend("250 ok\r\n250 no\r\n");
    CHECK(last.forward == "250 ok\r\n");
    CHECK(last.then == guard_next::fault);
    CHECK_FALSE(guard.is_reply_under_way());
    CHECK(guard.on_backend("421 x\r\n").forward.empty());
    CHECK(guard.on_client("NOOP\r\n").forward.empty());
    CHECK(guard.on_client("NOOP\r\n").then == guard_next::fault);
    CHECK(guard.fault() == in_command(kind::bare_cr, 4));
}

TEST_CASE("data guard: a second fault, of the backend, does not hide the first", "[smtp]")
{
    smtp::data_guard guard;
    CHECK(guard.on_client("NOOP\r\nNO\rOP\r\n").then == guard_next::fault);
    const smtp::guard_step step = guard.on_backend("2x0 ok\r\n");
    CHECK(step.then == guard_next::fault);
    CHECK(step.forward == "2");
    CHECK(guard.fault() == in_command(kind::bare_cr, 2));
    CHECK(guard.on_backend("250 ok\r\n").forward.empty());
}

TEST_CASE("data guard: last words say whose fault it is", "[smtp]")
{
    const auto words = [](kind k, guard_place p) {
        return to_log(last_words_of(guard_fault{k, p, 7}));
    };
    CHECK(words(kind::false_end, guard_place::message) ==
          "451 4.5.2 Error: only <CRLF>.<CRLF> ends a message");
    CHECK(words(kind::nul, guard_place::command) == "521 5.5.2 Error: NUL in a command");
    CHECK(words(kind::bare_cr, guard_place::command) == "521 5.5.2 Error: bare <CR> in a command");
    CHECK(words(kind::line_too_long, guard_place::command) ==
          "521 5.5.2 Error: command line too long");
    CHECK(words(kind::bad_bdat, guard_place::command).starts_with("521 5.5.4 "));
    CHECK(words(kind::no_chunking, guard_place::command).starts_with("521 5.5.1 "));
    CHECK(words(kind::behind_starttls, guard_place::command).starts_with("421 4.7.0 "));
    for (const kind k : {kind::bad_reply, kind::reply_too_long, kind::unexpected_reply})
        CHECK(words(k, guard_place::reply).starts_with("421 4.3.2 "));
}

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/open_dialog.hpp"

#include "support/catch.hpp"

#include <fmt/format.h>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace fendmail;
using smtp::open_next;

namespace {

constexpr std::string_view no = "550 5.7.1 no\r\n";
constexpr std::string_view first = "RCPT TO:<postmaster@example.test>\r\n";

/// Plays both sides: the backend answers each command at once, by its verb.
struct session {
    smtp::dialog_options options;
    std::vector<std::string> hidden;
    std::unique_ptr<smtp::open_dialog> dialog;
    std::string to_backend;
    std::string to_client;
    std::size_t refused = 0;
    std::size_t relayed = 0;
    bool is_closed = false;
    std::string answer_to_rcpt = "250 2.1.5 Ok\r\n";

    session()
    {
        options.hostname = "mx.example.test";
        options.open_recipients = {"postmaster", "abuse"};
        dialog = std::make_unique<smtp::open_dialog>(options, hidden,
                                                     smtp::make_reply(550, "5.7.1", "no"), "");
    }

    [[nodiscard]] std::string reply_to(const smtp::open_step& step) const
    {
        const std::string_view said = step.to_backend;
        if (said.starts_with("RCPT")) return answer_to_rcpt;
        if (said.starts_with("EHLO"))
            return "250-backend\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-AUTH PLAIN\r\n"
                   "250-STARTTLS\r\n250 CHUNKING\r\n";
        if (said.starts_with("DATA")) return "354 go on\r\n";
        if (to_backend.ends_with("\r\n.\r\n")) return "250 2.0.0 Ok: queued\r\n";
        return "250 2.0.0 Ok\r\n";
    }
    void take(smtp::open_step step)
    {
        for (;;) {
            to_backend += step.to_backend;
            to_client += step.to_client;
            refused += step.refused.size();
            relayed += step.relayed.size();
            is_closed = step.then == open_next::close;
            if (step.then != open_next::read_backend) return;
            step = dialog->on_backend(reply_to(step));
        }
    }
    void begin(std::string_view held = first)
    {
        take(dialog->begin("client.example", true, "a@b.example", held));
    }
    void say(std::string_view octets) { take(dialog->on_client(octets)); }
};

} // namespace

TEST_CASE("open dialog: a mail to an open recipient goes to the backend", "[smtp]")
{
    session s;
    s.begin();
    CHECK(s.to_backend == first);
    CHECK(s.to_client == "250 2.1.5 Ok\r\n");
    s.say("DATA\r\n");
    s.say("Subject: help\r\n\r\n.RCPT TO:<user@example.test>\r\nQUIT\r\n.\r\n");
    s.say("QUIT\r\n");
    CHECK(s.is_closed);
    CHECK(s.to_backend == fmt::format("{}DATA\r\nSubject: help\r\n\r\n.RCPT TO:<user@example.test>"
                                      "\r\nQUIT\r\n.\r\nQUIT\r\n",
                                      first));
    CHECK(s.to_client == "250 2.1.5 Ok\r\n354 go on\r\n250 2.0.0 Ok: queued\r\n221 2.0.0 Bye\r\n");
    CHECK(s.relayed == 1);
}

TEST_CASE("open dialog: other recipients stay refused, in whatever order and pieces they come",
          "[smtp]")
{
    const std::string all = fmt::format(
        "{}RCPT TO:<user@example.test>\r\nRCPT TO:<abuse@example.test>\r\nRCPT TO:<x@y>\r\n"
        "DATA\r\ntext\r\n.\r\nRSET\r\nMAIL FROM:<c@d>\r\nRCPT TO:<user@example.test>\r\n"
        "RCPT TO:<Postmaster>\r\nNOOP\r\nQUIT\r\n",
        first);
    const std::string backend =
        fmt::format("{}RCPT TO:<abuse@example.test>\r\nDATA\r\ntext\r\n.\r\nRSET\r\n"
                    "MAIL FROM:<c@d>\r\nRCPT TO:<Postmaster>\r\nQUIT\r\n",
                    first);
    const std::string client = fmt::format(
        "250 2.1.5 Ok\r\n{0}250 2.1.5 Ok\r\n{0}354 go on\r\n250 2.0.0 Ok: queued\r\n"
        "250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n{0}250 2.1.5 Ok\r\n250 2.0.0 Ok\r\n221 2.0.0 Bye\r\n",
        no);
    for (std::size_t at = 0; at <= all.size(); ++at) {
        session s;
        s.begin(std::string_view{all}.substr(0, at));
        s.say(std::string_view{all}.substr(at));
        CAPTURE(at);
        CHECK(s.to_backend == backend);
        CHECK(s.to_client == client);
        CHECK(s.refused == 3);
        CHECK(s.relayed == 3);
        CHECK(s.is_closed);
    }
}

TEST_CASE("open dialog: no other command goes to the backend", "[smtp]")
{
    for (const char* command :
         {"VRFY user", "ETRN x", "AUTH PLAIN AAAA", "STARTTLS", "XCLIENT ADDR=1.2.3.4",
          "XFORWARD NAME=x", "HELP", "BDAT 5", "EXPN list", "RCPT TO:<user@example.test>",
          "RCPT TO:<@postmaster:user@example.test>", "MAIL FROM:<x@y>", "DATA now", "nonsense",
          "QUIT now"}) {
        session s;
        s.begin();
        s.to_backend.clear();
        s.say(fmt::format("{}\r\n", command));
        CAPTURE(command);
        CHECK((s.to_backend.empty() || s.to_backend == "QUIT\r\n"));
    }
}

TEST_CASE("open dialog: lines that servers read in different ways do not go there", "[smtp]")
{
    using namespace std::string_view_literals;
    for (const auto octets :
         {"RSET\n"sv, "RSET\rRCPT TO:<user@x>\r\n"sv, "RCPT TO:<postmaster@x>\0\r\n"sv,
          "RCPT TO:<postmaster@x>\r\r\n"sv, "MAIL FROM:<a@b>\x01\r\n"sv}) {
        session s;
        s.begin();
        s.to_backend.clear();
        s.to_client.clear();
        s.say(octets);
        CHECK(s.to_backend.empty());
        CHECK(s.to_client == "500 5.5.2 Error: bad syntax\r\n");
    }
}

TEST_CASE("open dialog: no end of a mail that only some servers see", "[smtp]")
{
    session s;
    s.begin();
    s.say("DATA\r\n");
    s.to_backend.clear();
    s.say("text\n.\nMAIL FROM:<x@y>\r\nRCPT TO:<user@example.test>\r\n.\r\n");
    CHECK(s.to_backend == "text\n..\nMAIL FROM:<x@y>\r\nRCPT TO:<user@example.test>\r\n.\r\n");
    CHECK_FALSE(s.dialog->in_message());
}

TEST_CASE("open dialog: without a recipient that was taken there is no data", "[smtp]")
{
    session s;
    s.answer_to_rcpt = "550 5.1.1 unknown\r\n";
    s.begin();
    CHECK(s.to_client == "550 5.1.1 unknown\r\n");
    s.say("DATA\r\ntext\r\n.\r\nRCPT TO:<postmaster@x>\r\n");
    CHECK(s.is_closed);
    CHECK(s.to_backend == fmt::format("{}QUIT\r\n", first));
    CHECK(s.to_client.ends_with("554 5.5.1 Error: no valid recipients\r\n"));
}

TEST_CASE("open dialog: the client is offered what can pass, and no more", "[smtp]")
{
    session s;
    s.begin();
    s.to_client.clear();
    s.say("EHLO again.example\r\nRCPT TO:<postmaster@x>\r\n");
    CHECK(s.to_client == "250-backend\r\n250 SIZE 1000\r\n503 5.5.1 Error: need MAIL command\r\n");
}

TEST_CASE("open dialog: a backend that breaks the protocol or goes ends the session with a 4xx",
          "[smtp]")
{
    for (const char* reply :
         {"nonsense\r\n", "354 go on\r\n", "250 Ok\r\n250 Ok\r\n", "250-x\r\n550 y\r\n"}) {
        session s;
        const auto step = s.dialog->begin("c", true, "a@b", first);
        REQUIRE(step.then == open_next::read_backend);
        s.take(s.dialog->on_backend(reply));
        CAPTURE(reply);
        CHECK(s.is_closed);
        CHECK(s.dialog->has_backend_failed());
        CHECK(s.to_client == "421 4.3.0 Error: mail server closed the connection\r\n");
    }
    session s;
    s.begin();
    s.say("DATA\r\n");
    s.to_backend.clear();
    s.take(s.dialog->on_backend_gone());
    CHECK(s.is_closed);
    CHECK(s.to_backend.empty());
}

TEST_CASE("open dialog: commands and lines are limited", "[smtp]")
{
    session s;
    s.options.command_limit = 3;
    s.begin();
    s.say("NOOP\r\nNOOP\r\n");
    CHECK_FALSE(s.is_closed);
    s.say("NOOP\r\n");
    CHECK(s.is_closed);
    CHECK(s.to_client.ends_with("421 mx.example.test Service unavailable - try again later\r\n"));
    session t;
    t.begin();
    t.say(std::string(t.options.line_limit_octets + 2, 'x'));
    CHECK(t.is_closed);
}

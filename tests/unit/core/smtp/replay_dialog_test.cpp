// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/replay_dialog.hpp"

#include "support/catch.hpp"

#include <string>
#include <vector>

using namespace fendmail;
using smtp::backend_tls;
using smtp::replay;
using smtp::replay_dialog;
using smtp::replay_next;

namespace {

const replay whole{"EHLO client.example", "MAIL FROM:<a@b> SIZE=5"};
const std::string offers = "250-mx.example\r\n250-SIZE 1000\r\n250 DSN\r\n";

/// What the backend says, and what it must hear next.
struct turn {
    std::string says;
    std::string hears;
};

/// Plays it in whole replies and octet by octet.
replay_next play(replay_dialog& dialog, const std::string& first, const std::vector<turn>& turns,
                 bool in_octets)
{
    auto step = dialog.start();
    CHECK(step.output == first);
    for (const turn& t : turns) {
        REQUIRE(to_string(step.then) == to_string(replay_next::read));
        const std::size_t size = in_octets ? 1 : t.says.size();
        for (std::size_t at = 0; at < t.says.size(); at += size) {
            step = dialog.on_octets(t.says.substr(at, size));
            if (at + size < t.says.size()) CHECK(step.output.empty());
        }
        CHECK(step.output == t.hears);
    }
    return step.then;
}

} // namespace

TEST_CASE("replay: what the client said is repeated, one reply at a time", "[smtp]")
{
    for (const bool in_octets : {false, true}) {
        replay_dialog dialog{whole, backend_tls::none, "mx"};
        const auto end =
            play(dialog, "EHLO client.example\r\n",
                 {{offers, "MAIL FROM:<a@b> SIZE=5\r\n"}, {"250 2.1.0 Ok\r\n", ""}}, in_octets);
        CHECK(to_string(end) == "ready");
        REQUIRE(dialog.offered());
        CHECK(dialog.offered()->has("DSN"));
        CHECK(dialog.failure_text().empty());
    }
}

TEST_CASE("replay: a client without EHLO, or at STARTTLS, has less to repeat", "[smtp]")
{
    replay_dialog no_helo{{"", "MAIL FROM:<>"}, backend_tls::none, "mx"};
    CHECK(to_string(play(no_helo, "MAIL FROM:<>\r\n", {{"250 ok\r\n", ""}}, false)) == "ready");
    replay_dialog helo{{"HELO x", "MAIL FROM:<>"}, backend_tls::none, "mx"};
    CHECK(to_string(play(helo, "HELO x\r\n",
                         {{"250 mx\r\n", "MAIL FROM:<>\r\n"}, {"250 ok\r\n", ""}}, true)) ==
          "ready");
    CHECK_FALSE(helo.offered());
    replay_dialog no_mail{{"EHLO x", ""}, backend_tls::none, "mx"};
    CHECK(to_string(play(no_mail, "EHLO x\r\n", {{offers, ""}}, false)) == "ready");
    replay_dialog nothing{{}, backend_tls::none, "mx"};
    CHECK(to_string(nothing.start().then) == "ready");
}

TEST_CASE("replay: the refusal of MAIL is the client's to hear", "[smtp]")
{
    for (const auto* reply : {"552 5.3.4 too big\r\n", "450 4.1.0 later\r\n", "421 bye\r\n"}) {
        replay_dialog dialog{whole, backend_tls::none, "mx"};
        const auto end = play(dialog, "EHLO client.example\r\n",
                              {{offers, "MAIL FROM:<a@b> SIZE=5\r\n"}, {reply, ""}}, true);
        CHECK(to_string(end) == "refused");
        CHECK(to_wire(dialog.refusal()) == reply);
    }
}

TEST_CASE("replay: the refusal of its name too", "[smtp]")
{
    for (const auto* reply : {"550 5.7.1 no\r\n", "421 4.3.2 busy\r\n", "450-a\r\n450 b\r\n"}) {
        replay_dialog dialog{whole, backend_tls::none, "mx"};
        const auto end = play(dialog, "EHLO client.example\r\n", {{reply, ""}}, true);
        CHECK(to_string(end) == "refused");
        CHECK(to_wire(dialog.refusal()) == reply);
    }
}

TEST_CASE("replay: whatever else a backend says is a failure with a reason", "[smtp]")
{
    struct row {
        std::string says;
        std::string reason;
    };
    for (const auto& [says, reason] :
         {row{"502 no\r\n", "backend answered EHLO with 502 no"},
          row{"220 again\r\n", "backend answered EHLO with 220 again"},
          row{"250 a\r\n250 b\r\n", "backend sent more than its reply to the client's EHLO"},
          row{"hello\r\n", "backend sent no SMTP reply to the client's EHLO: not an SMTP reply"}}) {
        CAPTURE(says);
        replay_dialog dialog{whole, backend_tls::none, "mx"};
        (void)dialog.start();
        CHECK(to_string(dialog.on_octets(says).then) == "failed");
        CHECK(dialog.failure_text() == reason);
    }
    replay_dialog strange{{"", "MAIL FROM:<>"}, backend_tls::none, "mx"};
    (void)strange.start();
    CHECK(to_string(strange.on_octets("354 go on\r\n").then) == "failed");
    for (const auto* reply : {"500 5.5.2 what?\r\n", "502 no\r\n", "503 5.5.1 EHLO first\r\n"}) {
        replay_dialog lost{{"", "MAIL FROM:<>"}, backend_tls::none, "mx"};
        (void)lost.start();
        CHECK(to_string(lost.on_octets(reply).then) == "failed");
    }
    replay_dialog gone{whole, backend_tls::none, "mx"};
    (void)gone.start();
    CHECK(to_string(gone.on_eof().then) == "failed");
    CHECK(gone.failure_text() ==
          "backend closed the connection before its reply to the client's EHLO");
    replay_dialog slow{whole, backend_tls::none, "mx"};
    (void)slow.start();
    CHECK(to_string(slow.on_time_limit().then) == "failed");
}

TEST_CASE("replay: the way to the backend is encrypted when it can be, or must be", "[smtp]")
{
    const std::string with_tls = "250-mx\r\n250 STARTTLS\r\n";
    SECTION("it can")
    {
        for (const auto tls : {backend_tls::opportunistic, backend_tls::require}) {
            replay_dialog dialog{whole, tls, "mx"};
            const auto end =
                play(dialog, "EHLO mx\r\n", {{with_tls, "STARTTLS\r\n"}, {"220 go\r\n", ""}}, true);
            CHECK(to_string(end) == "start_tls");
            CHECK(dialog.on_tls_started().output == "EHLO client.example\r\n");
            CHECK(dialog.on_octets(offers).output == "MAIL FROM:<a@b> SIZE=5\r\n");
        }
    }
    SECTION("it is not offered, or refused")
    {
        replay_dialog plain{whole, backend_tls::opportunistic, "mx"};
        (void)play(plain, "EHLO mx\r\n", {{offers, "EHLO client.example\r\n"}}, false);
        replay_dialog refused{whole, backend_tls::opportunistic, "mx"};
        (void)play(refused, "EHLO mx\r\n",
                   {{with_tls, "STARTTLS\r\n"}, {"454 no\r\n", "EHLO client.example\r\n"}}, false);
        replay_dialog required{whole, backend_tls::require, "mx"};
        CHECK(to_string(play(required, "EHLO mx\r\n", {{offers, ""}}, false)) == "failed");
        CHECK(required.failure_text() == "backend offers no STARTTLS to us");
        replay_dialog both{whole, backend_tls::require, "mx"};
        CHECK(to_string(play(both, "EHLO mx\r\n",
                             {{with_tls, "STARTTLS\r\n"}, {"454 4.7.0 no\r\n", ""}}, false)) ==
              "failed");
        CHECK(both.failure_text() == "backend answered STARTTLS with 454 4.7.0 no");
    }
    SECTION("octets behind the 220 are an injection and no reply")
    {
        replay_dialog dialog{whole, backend_tls::require, "mx"};
        (void)play(dialog, "EHLO mx\r\n", {{with_tls, "STARTTLS\r\n"}}, false);
        CHECK(to_string(dialog.on_octets("220 go\r\n250 evil\r\n").then) == "failed");
    }
}

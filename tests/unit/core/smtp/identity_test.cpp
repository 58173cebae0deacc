// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/identity.hpp"

#include "fendmail/core/smtp/handoff_dialog.hpp"
#include "fendmail/core/smtp/replay_dialog.hpp"
#include "support/catch.hpp"

#include <string>
#include <string_view>
#include <vector>

using namespace fendmail;
using namespace fendmail::smtp;

namespace {

const std::string greeting = "220 mx.example ESMTP\r\n";
const std::string unknown = "500 5.5.2 Error: command not recognized\r\n";

/// What the greeting of a backend says about it, for every way to cut its words in two.
identity about_greeting(handoff_kind kind, const std::string& words, std::size_t cut)
{
    handoff_dialog dialog{kind, "front.example", {}, {}};
    auto step = dialog.on_octets(words.substr(0, cut));
    if (step.then == handoff_next::read && cut < words.size())
        step = dialog.on_octets(words.substr(cut));
    return dialog.about();
}

std::size_t replies_too_many(const std::vector<std::string>& pieces)
{
    farewell_count count;
    for (const auto& piece : pieces)
        if (!count.feed(piece)) break;
    return count.has_one_too_many() ? 1 : 0;
}

} // namespace

TEST_CASE("identity: a reply behind the greeting, unasked, is one to the PROXY header", "[smtp]")
{
    for (const auto& said : {unknown, std::string{"250 Ok\r\n"}, std::string{"221 Bye\r\n"}}) {
        CAPTURE(said);
        CHECK(about_greeting(handoff_kind::proxy, greeting + said, std::string::npos) ==
              identity::mistaken);
        // However little of it has come with the greeting.
        CHECK(about_greeting(handoff_kind::proxy, greeting + said.substr(0, 1),
                             std::string::npos) == identity::mistaken);
    }
}

TEST_CASE("identity: a greeting alone, and a server that takes leave, say nothing", "[smtp]")
{
    for (const std::string& said :
         {greeting, greeting + "421 4.3.2 Shutting down\r\n", std::string{"421 4.3.2 Busy\r\n"},
          std::string{"554 5.7.1 Client host rejected\r\n"}}) {
        CAPTURE(said);
        for (std::size_t cut = 1; cut <= said.size(); ++cut)
            CHECK(about_greeting(handoff_kind::proxy, said, cut) == identity::fine);
    }
    // Without a header nothing was there to answer, and what comes is relayed.
    CHECK(about_greeting(handoff_kind::greeting_only, greeting + unknown, std::string::npos) ==
          identity::fine);
}

TEST_CASE("identity: who calls the header early talk has taken it for that", "[smtp]")
{
    for (const std::string text : {"554 SMTP synchronization error\r\n",
                                   "554 5.5.0 Error: SMTP protocol synchronization\r\n"}) {
        CHECK(about_greeting(handoff_kind::proxy, text, text.size()) == identity::mistaken);
        CHECK(about_greeting(handoff_kind::xclient, text, text.size()) == identity::fine);
    }
}

TEST_CASE("identity: XCLIENT that is refused or not offered leaves us as the client", "[smtp]")
{
    struct row {
        std::string ehlo;
        std::string reply; ///< to XCLIENT
        identity want;
    };
    const std::string offer = "250-mx\r\n250 XCLIENT NAME ADDR PORT\r\n";
    const row rows[] = {
        {"250-mx\r\n250 PIPELINING\r\n", "", identity::mistaken},
        {"250-mx\r\n250 XCLIENT NAME PORT\r\n", "", identity::mistaken},
        {"451 4.3.0 later\r\n", "", identity::fine},
        {offer, "550 5.7.0 Error: insufficient authorization\r\n", identity::mistaken},
        {offer, "501 5.5.4 Bad ADDR syntax\r\n", identity::mistaken},
        {offer, "502 5.5.1 no\r\n", identity::mistaken},
        {offer, "421 4.3.2 Busy\r\n", identity::fine},
        // The greeting that a client of this address gets.
        {offer, "554 5.7.1 Client host rejected\r\n", identity::fine},
        {offer, "550 5.7.1 Client host rejected\r\n", identity::fine},
        {offer, "220 mx\r\n", identity::fine},
    };
    for (const row& r : rows) {
        CAPTURE(r.ehlo, r.reply);
        handoff_dialog dialog{handoff_kind::xclient, "front.example", {}, {}};
        (void)dialog.on_octets(greeting);
        auto step = dialog.on_octets(r.ehlo);
        if (step.then == handoff_next::read) step = dialog.on_octets(r.reply);
        CHECK(dialog.about() == r.want);
    }
}

TEST_CASE("identity: QUIT shows whether a reply too many was on its way", "[smtp]")
{
    CHECK(replies_too_many({"221 Bye\r\n"}) == 0);
    CHECK(replies_too_many({"250-mx\r\n250 PIPELINING\r\n", "221 Bye\r\n"}) == 1);
    CHECK(replies_too_many({"250-mx\r\n2", "50 PIPELINING\r\n221", " Bye\r\n"}) == 1);
    CHECK(replies_too_many({"550 no\r\n221 Bye\r\n"}) == 1);
    CHECK(replies_too_many({"250 Bye, then\r\n"}) == 0); // and the end of the connection
    CHECK(replies_too_many({}) == 0);
    // What comes behind the good-bye, or is no SMTP, is no reply to anything.
    CHECK(replies_too_many({"221 Bye\r\n500 x\r\n"}) == 0);
    CHECK(replies_too_many({"garbage\r\n221 Bye\r\n"}) == 0);
}

TEST_CASE("identity: only to a plain EHLO does every server say one reply", "[smtp]")
{
    for (const std::string line : {"EHLO x", "EHLO x\r\n", "helo client.example\n", "EHLO\r\n",
                                   "EhLo [192.0.2.1] and more\r\n"}) {
        CAPTURE(line);
        CHECK(is_plain_hello(line));
    }
    const std::string long_name(507, 'x');
    for (const std::string& line :
         {std::string{"EHLO x\rNOOP\r\n"}, std::string{"EHLO x\nNOOP\r\n"},
          std::string{"EHLO x\0y\r\n", 10}, std::string{"EHLO \xe4\r\n"}, "EHLO " + long_name,
          std::string{"EHLOX\r\n"}, std::string{"NOOP\r\n"}, std::string{"EHL\r\n"},
          std::string{" EHLO x\r\n"}, std::string{"BDAT 4\r\n"}, std::string{}}) {
        CAPTURE(line);
        CHECK_FALSE(is_plain_hello(line));
    }
}

namespace {

struct replay_row {
    std::string helo;
    backend_tls tls;
    std::string says; ///< to the first command
    bool is_first_refused;
    identity about;
};

} // namespace

TEST_CASE("identity: the first reply behind a header may be the header's", "[smtp]")
{
    using enum backend_tls;
    const std::string cut_in_two = "EHLO x y\tz";
    const replay_row rows[] = {
        {"EHLO x", none, unknown, true, identity::unclear},
        {"EHLO x", opportunistic, unknown, true, identity::unclear},
        {"EHLO x", none, "550 5.7.1 bad name\r\n", true, identity::fine},
        {"EHLO x", none, "450 4.7.1 slowly\r\n", true, identity::fine},
        {"EHLO x", none, "421 4.3.2 closing\r\n", false, identity::fine},
        {"EHLO x", none, "554 5.5.0 Error: SMTP protocol synchronization\r\n", true,
         identity::unclear},
        {"EHLO x", none, unknown + "250 mx\r\n", false, identity::mistaken},
        {"EHLO x", none, "250 mx\r\n250 mx\r\n", false, identity::mistaken},
        {"EHLO x", none, "250 mx\r\n421 closing\r\n", false, identity::fine},
        // No proof, because a server may make two lines of it.
        {cut_in_two, none, unknown + "250 mx\r\n", false, identity::unclear},
        // Ours comes first.
        {cut_in_two, opportunistic, unknown + "250 mx\r\n", false, identity::mistaken},
    };
    for (const replay_row& r : rows) {
        CAPTURE(r.helo, r.says);
        replay_dialog dialog{{r.helo, "MAIL FROM:<>"}, r.tls, "mx", true};
        (void)dialog.start();
        const auto step = dialog.on_octets(r.says);
        CHECK(step.output.empty()); // nothing may be said behind it
        CHECK(dialog.is_first_refused() == r.is_first_refused);
        CHECK(dialog.about() == r.about);
        // Without a header it is what it was.
        replay_dialog plain{{r.helo, "MAIL FROM:<>"}, r.tls, "mx"};
        (void)plain.start();
        (void)plain.on_octets(r.says);
        CHECK_FALSE(plain.is_first_refused());
        CHECK(plain.about() == identity::fine);
    }
}

TEST_CASE("identity: a refusal that may be the header's never is one for good", "[smtp]")
{
    replay_dialog dialog{{"EHLO x", "MAIL FROM:<>"}, backend_tls::none, "mx", true};
    (void)dialog.start();
    const auto step = dialog.on_octets("554 SMTP synchronization error\r\n");
    CHECK(to_string(step.then) == "failed");
    CHECK_FALSE(dialog.has_refused());
}

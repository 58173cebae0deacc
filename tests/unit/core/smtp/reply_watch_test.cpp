// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/reply_watch.hpp"

#include "support/catch.hpp"

#include <string>

using namespace fendmail::smtp;

namespace {

const std::string one_mail = "250-mx.example\r\n250 8BITMIME\r\n250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n"
                             "354 End data with <CR><LF>.<CR><LF>\r\n"
                             "250 2.0.0 Ok: queued as 4F2A1\r\n221 2.0.0 Bye\r\n";

} // namespace

TEST_CASE("reply watch: mail that was taken, and recipients that were not known", "[smtp]")
{
    struct row {
        const char* title;
        std::string said;
        unsigned accepted;
        unsigned unknown;
    };
    const std::string unknown_postfix =
        "550 5.1.1 <a@b>: Recipient address rejected: User unknown in local recipient table\r\n";
    const row rows[] = {
        {"one mail", one_mail, 1, 0},
        {"two mails", one_mail + one_mail, 2, 0},
        {"bare ends of line", "354 go on\n250 ok\n", 1, 0},
        {"refused behind its data", "354 go on\r\n554 5.7.1 spam\r\n", 0, 0},
        {"deferred behind its data", "354 go on\r\n451 4.3.0 later\r\n250 2.0.0 Ok\r\n", 0, 0},
        {"a chunk that ends one", "250 2.0.0 Ok: 77 bytes queued as 4F2A1\r\n", 1, 0},
        {"Exim", "354 Enter message, ending with \".\"\r\n250 OK id=1rabcd-00\r\n", 1, 0},
        {"an OK of RSET", "250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n", 0, 0},
        {"Postfix knows it not", unknown_postfix + unknown_postfix, 0, 2},
        {"Exim knows it not", "550 Unrouteable address\r\n", 0, 1},
        {"OpenSMTPD knows it not", "550 Invalid recipient: <a@b>\r\n", 0, 1},
        {"no relaying", "554 5.7.1 <a@b>: Relay access denied\r\n550 relay not permitted\r\n", 0,
         0},
        {"a list", "550 5.7.1 Service unavailable; user unknown to us\r\n", 0, 0},
        {"only the last line", "550-5.1.1 user unknown\r\n550 5.7.1 no\r\n", 0, 0},
        {"nonsense", "hello\r\n99\r\n\r\n250", 0, 0},
    };
    for (const auto& r : rows) {
        CAPTURE(r.title);
        reply_watch whole;
        whole.on_backend(r.said);
        CHECK(whole.accepted() == r.accepted);
        CHECK(whole.unknown_recipients() == r.unknown);
        CHECK_FALSE(whole.is_blind());
        for (std::size_t at = 0; at <= r.said.size(); ++at) {
            reply_watch split;
            split.on_backend(std::string_view{r.said}.substr(0, at));
            split.on_backend(std::string_view{r.said}.substr(at));
            REQUIRE(split.accepted() == r.accepted);
            REQUIRE(split.unknown_recipients() == r.unknown);
        }
    }
}

TEST_CASE("reply watch: behind STARTTLS nothing is seen, and nothing counts", "[smtp]")
{
    reply_watch seen;
    seen.on_backend("250 STARTTLS\r\n220 2.0.0 Ready to start TLS\r\n" + one_mail);
    CHECK(seen.is_blind());
    CHECK(seen.accepted() == 0);
    CHECK_FALSE(is_harvest(seen));
}

TEST_CASE("reply watch: five unknown recipients and no mail are a harvest", "[smtp]")
{
    const std::string unknown = "550 5.1.1 no such user\r\n";
    reply_watch seen;
    for (int i = 0; i < 4; ++i)
        seen.on_backend(unknown);
    CHECK_FALSE(is_harvest(seen));
    seen.on_backend(unknown);
    CHECK(is_harvest(seen));
    seen.on_backend(one_mail); // a mailing list with old addresses
    CHECK_FALSE(is_harvest(seen));
}

TEST_CASE("reply watch: a line of any length takes no more memory", "[smtp]")
{
    reply_watch seen;
    for (int i = 0; i < 1000; ++i)
        seen.on_backend(std::string(1000, '5'));
    seen.on_backend("\r\n" + one_mail);
    CHECK(seen.accepted() == 1);
}

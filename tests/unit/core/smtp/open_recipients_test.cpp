// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/open_recipients.hpp"

#include "support/catch.hpp"

#include <string>
#include <vector>

using namespace fendmail;

namespace {

const std::vector<std::string> open{"postmaster", "abuse"};

std::string line(std::string_view argument)
{
    return smtp::open_recipient(argument, open).value_or("-");
}

} // namespace

TEST_CASE("open recipients: every form of the same mailbox, written anew", "[smtp]")
{
    CHECK(line("TO:<postmaster@example.org>") == "RCPT TO:<postmaster@example.org>");
    CHECK(line("to:<PostMaster>") == "RCPT TO:<PostMaster>");
    CHECK(line("TO: <abuse@[192.0.2.1]> NOTIFY=NEVER") ==
          "RCPT TO:<abuse@[192.0.2.1]> NOTIFY=NEVER");
    CHECK(line("TO:<\"abuse\"@example.org>") == "RCPT TO:<abuse@example.org>");
    CHECK(line("TO:<abuse@[IPv6:2001:db8::1]>") == "RCPT TO:<abuse@[IPv6:2001:db8::1]>");
}

TEST_CASE("open recipients: what servers could read in two ways is none", "[smtp]")
{
    for (const char* argument : {"",
                                 "TO:",
                                 "TO:<>",
                                 "TO:<user@example.org>",
                                 "TO:<abuse>",
                                 "TO:<\"\">",
                                 "TO:postmaster@example.org",
                                 "TO:<@relay.example:postmaster@example.org>",
                                 "TO:<@postmaster>",
                                 "TO:<postmaster@>",
                                 "TO:<postmaster@a@b>",
                                 "TO:<postmaster@a,b>",
                                 "TO:<user%b@postmaster>",
                                 "TO:<postmaster%other.example@example.org>",
                                 "TO:<other.example!postmaster@example.org>",
                                 "TO:<user@example.org>postmaster@a>",
                                 "TO:<postmaster@a><user@b>",
                                 "TO:<postmaster@a> <user@b>",
                                 "TO:<postmaster@a>x",
                                 "TO:<postmaster@a> ORCPT=\"x\"",
                                 "TO:<postmaster @a>",
                                 "TO:< postmaster@a>",
                                 "TO:<post\\master@a>",
                                 "TO:<\"post\\master\"@a>",
                                 "TO:<\"user@b\"@postmaster>",
                                 "TO:<\"postmaster@a>\" user@b>",
                                 "TO:<postmaster@a b>",
                                 "TO:<postmaster@[a>",
                                 "TO:<postmaster@[]>",
                                 "TO:<postmaster+x@a>",
                                 "TO:<postmaster@a\xc3\xa9>",
                                 "FROM:<postmaster@a>",
                                 "<postmaster@a>",
                                 "TO <postmaster@a>"}) {
        CAPTURE(argument);
        CHECK(line(argument) == "-");
    }
    CHECK_FALSE(smtp::open_recipient("TO:<postmaster>", {}));
}

TEST_CASE("open recipients: which local parts can be", "[smtp]")
{
    CHECK(smtp::is_plain_local_part("abuse"));
    CHECK(smtp::is_plain_local_part("list-owner.x_1"));
    for (const auto& text : {std::string{}, std::string{"a@b"}, std::string{"a b"},
                             std::string{"a\"b"}, std::string(65, 'a')})
        CHECK_FALSE(smtp::is_plain_local_part(text));
}

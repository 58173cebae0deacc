// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/keyword_filter.hpp"

#include "fendmail/core/limits.hpp"
#include "support/catch.hpp"

#include <string>
#include <vector>

using fendmail::smtp::keyword_filter;

namespace {

/// In one piece, in two pieces at every place, and octet by octet.
void check(const std::string& sent, const std::string& wanted,
           const std::vector<std::string>& hidden = {})
{
    CAPTURE(sent);
    for (std::size_t cut = 0; cut <= sent.size(); ++cut) {
        keyword_filter filter{hidden};
        std::string got = filter.on_backend(sent.substr(0, cut));
        got += filter.on_backend(sent.substr(cut));
        CHECK(got == wanted);
    }
    keyword_filter filter{hidden};
    std::string got;
    for (const char octet : sent)
        got += filter.on_backend({&octet, 1});
    CHECK(got == wanted);
}

} // namespace

TEST_CASE("keyword filter: PIPECONNECT is taken out of an EHLO reply wherever it stands", "[smtp]")
{
    check("250-mx\r\n250-PIPELINING\r\n250-PIPECONNECT\r\n250 HELP\r\n",
          "250-mx\r\n250-PIPELINING\r\n250 HELP\r\n");
    check("250-mx\r\n250-HELP\r\n250 PIPECONNECT\r\n", "250-mx\r\n250 HELP\r\n");
    check("250-mx\r\n250 PIPECONNECT\r\n", "250 mx\r\n");
    check("250-mx\r\n250-PIPECONNECT\r\n250 X_PIPE_CONNECT\r\n", "250 mx\r\n");
    check("250-mx\r\n250-x_pipe_connect 1\r\n250 DSN\r\n", "250-mx\r\n250 DSN\r\n");
    check("250-mx\n250-PIPECONNECT\n250 DSN\n", "250-mx\n250 DSN\n");
}

TEST_CASE("keyword filter: what the admin hides is taken out of every EHLO reply", "[smtp]")
{
    const std::string offers = "250-mx\r\n250-ETRN\r\n250-AUTH=PLAIN LOGIN\r\n250-auth PLAIN\r\n"
                               "250-SIZE 7\r\n250-PIPECONNECT\r\n250 CHUNKING\r\n";
    const std::string left = "250-mx\r\n250-ETRN\r\n250 SIZE 7\r\n";
    const std::vector<std::string> hidden{"CHUNKING", "AUTH"};
    check(offers, left, hidden);
    // Also behind a mail, or when AUTH has been tried all the same.
    for (const std::string between : {"354 go\r\n250 queued\r\n", "334 \r\n535 no\r\n"})
        check(offers + between + offers, left + between + left, hidden);
    // The first line is the server's name, and other replies are none of EHLO.
    check("250-CHUNKING\r\n250 a\r\n214-CHUNKING\r\n214 AUTH\r\n",
          "250-CHUNKING\r\n250 a\r\n214-CHUNKING\r\n214 AUTH\r\n", hidden);
    check("250 CHUNKING\r\n250 a\r\n", "250 CHUNKING\r\n250 a\r\n", hidden);
    // Behind STARTTLS there is nothing that could be read.
    check(offers + "220 go\r\n250-a\r\n250 AUTH\r\n", left + "220 go\r\n250-a\r\n250 AUTH\r\n",
          hidden);
}

TEST_CASE("keyword filter: everything else passes as it is", "[smtp]")
{
    for (const auto* same :
         {"250-mx PIPECONNECT\r\n250-PIPECONNECTED\r\n250 HELP\r\n", "250 2.1.0 PIPECONNECT ok\r\n",
          "550-PIPECONNECT\r\n550 x\r\n", "250 a\r\n503 b\r\n221 c\r\n", "250\r\n", "\r\n\r\n",
          "250-a\r\nhello\r\n250-PIPECONNECT\r\n250 b\r\n"})
        check(same, same);
}

TEST_CASE("keyword filter: its work is over behind DATA, AUTH and STARTTLS", "[smtp]")
{
    for (const auto* reply : {"354 go\r\n", "334 \r\n", "220 2.0.0 Ready\r\n"}) {
        const std::string last = reply;
        keyword_filter filter;
        CHECK(filter.on_backend("250 ok\r\n") == "250 ok\r\n");
        CHECK_FALSE(filter.is_done());
        CHECK(filter.on_backend(last + "\x16\x03") == last + "\x16\x03");
        CHECK(filter.is_done());
        CHECK(filter.on_backend("250-a\r\n250 PIPECONNECT\r\n") == "250-a\r\n250 PIPECONNECT\r\n");
    }
}

TEST_CASE("keyword filter: a line that never ends is not kept for ever", "[smtp]")
{
    keyword_filter filter;
    const std::string half(fendmail::limits::reply_line_octets, 'x');
    CHECK(filter.on_backend("250-a\r\n250-b\r\n250-" + half) == "250-a\r\n250-b\r\n250-" + half);
    CHECK(filter.is_done());
}

TEST_CASE("keyword filter: what is no reply passes at its first octet", "[smtp]")
{
    keyword_filter filter;
    CHECK(filter.on_backend("250-a\r\n25") == "");
    CHECK(filter.on_backend("x") == "250-a\r\n25x");
    CHECK(filter.is_done());
    keyword_filter at_once;
    CHECK(at_once.on_backend("answer") == "answer");
}

TEST_CASE("keyword filter: a whole last line is never held back", "[smtp]")
{
    keyword_filter filter;
    CHECK(filter.on_backend("250-mx\r\n250-PIPECONNECT\r\n250 HE") == "");
    CHECK(filter.on_backend("LP\r\n") == "250-mx\r\n250 HELP\r\n");
}

// SPDX-License-Identifier: Apache-2.0
// Random clients and the backends that SMTP smuggling needs: with the guard between them each
// backend reads the same mails as the strictest one would, without it they do not.
#include "fendmail/core/smtp/data_guard.hpp"

#include "fendmail/core/text/ascii.hpp"
#include "support/catch.hpp"
#include "support/guard_session.hpp"
#include "support/random_client.hpp"

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>
#include <vector>

using namespace fendmail;
using namespace fendmail::test;

namespace {

struct habits {
    const char* name;
    bool lax_end = false;         ///< any line ending around the dot will do; NULs are dropped
    bool cr_ends_command = false; ///< as <LF> does
    bool wants_crlf = false;      ///< <LF> alone ends no command
    bool skips_blanks = false;    ///< before a verb, as Postfix and Sendmail do
    bool offers_chunking = false;
    bool stops_chunks = false; ///< behind an odd command, until RSET, as Exim does
    bool size_wraps = false;   ///< of a chunk, at 32 bits
    std::size_t line_max = 0;  ///< what stands behind it is the next command; 0: no bound
    bool ignores_empty = false;
};

const std::vector<habits>& all_habits()
{
    static const std::vector<habits> all{
        {.name = "strict", .wants_crlf = true, .offers_chunking = true},
        {.name = "like Postfix", .skips_blanks = true, .offers_chunking = true},
        {.name = "like an old Postfix", .lax_end = true, .skips_blanks = true},
        {.name = "like Exim",
         .lax_end = true,
         .offers_chunking = true,
         .stops_chunks = true,
         .size_wraps = true,
         .line_max = 64},
        {.name = "like Exim without CHUNKING", .lax_end = true, .line_max = 64},
        {.name = "lax in all",
         .lax_end = true,
         .cr_ends_command = true,
         .skips_blanks = true,
         .offers_chunking = true},
        {.name = "strict in commands only",
         .lax_end = true,
         .wants_crlf = true,
         .skips_blanks = true,
         .offers_chunking = true,
         .ignores_empty = true},
    };
    return all;
}

class fake_backend {
public:
    explicit fake_backend(const habits& h)
        : habits_{h}
    {
    }

    /// The replies to these octets.
    std::string take(std::string_view octets)
    {
        replies_.clear();
        for (const char octet : octets) {
            if (std::exchange(swallows_lf_, false) && octet == '\n') {
                if (has_just_ended_) mails_.back() += octet;
            } else if (chunk_left_ > 0) {
                chunk_ += octet;
                if (--chunk_left_ == 0) end_chunk();
            } else if (in_message_) {
                take_message(octet);
            } else {
                take_command(octet);
            }
        }
        return replies_;
    }

    [[nodiscard]] bool in_message() const { return in_message_; }
    [[nodiscard]] const std::vector<std::string>& mails() const { return mails_; }
    /// Neither a command nor a mail is under way, and nothing is owed to anyone.
    [[nodiscard]] bool is_idle() const { return line_.empty() && chunk_left_ == 0 && !in_message_; }

private:
    void take_message(char octet)
    {
        message_ += octet;
        // A <CR> may be an end by itself; if it was, an <LF> behind it still belongs to it.
        if (is_end(message_)) {
            swallows_lf_ = octet == '\r';
            has_just_ended_ = true;
            in_message_ = false;
            mails_.push_back(message_);
            reply("250 queued");
        }
    }

    [[nodiscard]] bool is_end(const std::string& message) const
    {
        if (!habits_.lax_end) return message == ".\r\n" || message.ends_with("\r\n.\r\n");
        std::string text = "\n" + message;
        std::erase(text, '\0');
        std::ranges::replace(text, '\r', '\n');
        return text.ends_with("\n.\n");
    }

    void take_command(char octet)
    {
        has_just_ended_ = false;
        line_ += octet;
        if (habits_.line_max > 0 && line_.size() > habits_.line_max && octet != '\n')
            return end_command(true);
        if (octet == '\r' && habits_.cr_ends_command) {
            swallows_lf_ = true;
            return end_command(false);
        }
        if (octet != '\n') return;
        if (habits_.wants_crlf && !line_.ends_with("\r\n")) return;
        end_command(false);
    }

    void end_command(bool is_cut)
    {
        std::string line = std::exchange(line_, "");
        while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back())))
            line.pop_back();
        if (line.empty() && habits_.ignores_empty) return;
        if (in_auth_) {
            in_auth_ = false;
            return reply("535 no");
        }
        while (habits_.skips_blanks && !line.empty() &&
               std::isspace(static_cast<unsigned char>(line[0])))
            line.erase(0, 1);
        const std::size_t space = line.find(' ');
        run(is_cut ? "" : to_upper(line.substr(0, space)),
            space == std::string::npos ? "" : line.substr(space + 1));
    }

    void run(const std::string& verb, const std::string& argument)
    {
        if (wants_reset_ && verb != "RSET") return reply("503 only RSET now");
        if (chunks_open_ && verb != "BDAT" && verb != "RSET" && verb != "NOOP" && verb != "QUIT") {
            wants_reset_ = habits_.stops_chunks;
            return reply("503 only BDAT now");
        }
        if (verb == "EHLO") {
            may_chunk_ = habits_.offers_chunking;
            reply(may_chunk_ ? "250-me\r\n250 CHUNKING" : "250 me");
        } else if (verb == "HELO") {
            may_chunk_ = false;
            reply("250 me");
        } else if (verb == "DATA" && argument.empty()) {
            in_message_ = true;
            message_.clear();
            reply("354 go");
        } else if (verb == "AUTH") {
            in_auth_ = true;
            reply("334 x");
        } else if (verb == "BDAT") {
            begin_chunk(argument);
        } else if (verb == "RSET") {
            wants_reset_ = chunks_open_ = false;
            chunk_.clear();
            reply("250 ok");
        } else {
            reply(verb == "NOOP" || verb == "MAIL" || verb == "RCPT" ? "250 ok" : "500 what");
        }
    }

    void begin_chunk(const std::string& argument)
    {
        if (!may_chunk_) return reply("503 not offered");
        const std::size_t digits = argument.find_first_not_of("0123456789");
        if (argument.empty() || digits == 0) return reply("501 size");
        const unsigned long long size = std::stoull(argument.substr(0, digits));
        chunk_left_ = habits_.size_wraps ? size & 0xffffffffU : size;
        const std::string mark = argument.substr(std::min(digits, argument.size()));
        chunks_open_ = to_upper(mark) != " LAST";
        if (chunk_left_ > 0) return;
        if (!chunks_open_) return end_chunk();
        wants_reset_ = habits_.stops_chunks;
        reply("504 no size");
    }

    void end_chunk()
    {
        if (!chunks_open_) mails_.push_back("chunks:" + std::exchange(chunk_, ""));
        reply("250 chunk");
    }

    void reply(const std::string& text) { replies_ += text + "\r\n"; }

    habits habits_;
    std::string replies_;
    std::string line_;
    std::string message_;
    std::string chunk_;
    std::vector<std::string> mails_;
    unsigned long long chunk_left_ = 0;
    bool in_message_ = false;
    bool in_auth_ = false;
    bool may_chunk_ = false;
    bool chunks_open_ = false;
    bool wants_reset_ = false;
    bool swallows_lf_ = false;
    bool has_just_ended_ = false; ///< a mail
};

/// It ends where the strictest server has its end.
bool is_strict_message(const std::string& mail)
{
    if (mail.starts_with("chunks:")) return true;
    const std::string framed = "\r\n" + mail;
    return framed.find("\r\n.\r\n") == framed.size() - 5;
}

/// Gives `text` to the backend through a guard, in pieces.
void run_guarded(const habits& h, const std::string& text, dice& random, int& mails)
{
    CAPTURE(h.name, text);
    guard_session session{{.has_chunking = false, .line_octets = 48}};
    fake_backend backend{h};
    std::string pending; // replies that are under way
    std::size_t given = 0;
    const bool is_fast = random.one_in(2);
    for (std::size_t at = 0; at < text.size() && !session.is_over();) {
        const std::string piece = text.substr(at, is_fast ? 1 + random.below(60) : 1);
        at += piece.size();
        session.client(piece);
        // What a reply releases may bring the next one.
        for (;;) {
            const std::string fresh = session.to_backend().substr(given);
            given += fresh.size();
            pending += backend.take(fresh);
            if (pending.empty() || (is_fast && fresh.empty() && random.one_in(3))) break;
            session.backend(std::exchange(pending, ""));
        }
        if (!pending.empty()) continue;
        if (session.is_over()) break;
        // The two agree on what is a mail, after every octet.
        REQUIRE(backend.in_message() == session.guard().in_message());
        if (!h.wants_crlf && !h.ignores_empty && backend.is_idle())
            REQUIRE(session.seen().awaited == 0);
    }
    for (const std::string& mail : backend.mails())
        REQUIRE(is_strict_message(mail));
    mails += static_cast<int>(backend.mails().size());
    // No reply came that the guard did not expect: it never lost count.
    if (const auto fault = session.seen().fault) REQUIRE(fault->place != smtp::guard_place::reply);
}

} // namespace

TEST_CASE("data guard: every backend reads the mails that the strictest would", "[smtp][random]")
{
    for (const habits& h : all_habits()) {
        int mails = 0;
        for (unsigned seed = 1; seed <= 4000; ++seed) {
            CAPTURE(seed);
            dice random{seed};
            const std::string greeting = random.one_in(3) ? "" : "EHLO a\r\n";
            run_guarded(h, greeting + client_text(random) + client_text(random), random, mails);
        }
        CAPTURE(h.name);
        CHECK(mails > 300);
    }
}

TEST_CASE("data guard: without it those backends are fooled by the same clients", "[smtp][random]")
{
    for (const habits& h : all_habits()) {
        if (!h.lax_end) continue;
        int smuggled = 0;
        for (unsigned seed = 1; seed <= 4000; ++seed) {
            dice random{seed};
            const std::string greeting = random.one_in(3) ? "" : "EHLO a\r\n";
            fake_backend backend{h};
            (void)backend.take(greeting + client_text(random) + client_text(random));
            smuggled += !std::ranges::all_of(backend.mails(), is_strict_message);
        }
        CAPTURE(h.name);
        CHECK(smuggled > 300);
    }
}

// SPDX-License-Identifier: Apache-2.0
// Random sessions, always the same ones: the guard against a slow model of itself.
#include "fendmail/core/smtp/data_guard.hpp"

#include "fendmail/core/text/ascii.hpp"
#include "support/catch.hpp"
#include "support/guard_session.hpp"
#include "support/random_client.hpp"

#include <algorithm>
#include <array>
#include <re2/re2.h>
#include <string>
#include <string_view>
#include <vector>

using namespace fendmail;
using namespace std::string_literals;
using namespace fendmail::test;
using smtp::guard_fault;
using smtp::guard_place;
using kind = smtp::guard_fault_kind;

namespace {

constexpr std::size_t line_max = 48;

/// The guard again, by other means: it looks at everything that has come, from the beginning of
/// the line, message or chunk, whenever something comes.
class slow_guard {
public:
    explicit slow_guard(bool has_chunking)
        : has_chunking_{has_chunking}
    {
    }
    void client(std::string_view octets)
    {
        client_ += octets;
        pass();
    }
    void backend(std::string_view octets)
    {
        for (const char octet : octets) {
            if (mode_ == mode::open) seen_.to_client += octet;
            if (mode_ == mode::open || is_backend_done_ || !takes(octet)) continue;
            seen_.to_client += octet;
        }
        pass();
    }
    [[nodiscard]] guarded seen() const
    {
        guarded out = seen_;
        std::size_t done = 0;
        for (const auto& [at, text] : inserted_) {
            out.to_backend += client_.substr(done, at - done) + text;
            done = at;
        }
        out.to_backend += client_.substr(done, passed_ - done);
        out.left = client_.substr(passed_);
        out.waits = !hold_.empty() || (mode_ == mode::over && !is_backend_done_);
        return out;
    }
    [[nodiscard]] const std::string& hold() const { return hold_; }
    [[nodiscard]] std::uint64_t awaited() const { return seen_.awaited; }

private:
    enum class mode { command, message, chunk, open, over };

    void pass()
    {
        while (!seen_.fault && mode_ != mode::over && hold_.empty() && pass_unit())
            unit_ = passed_;
        if (seen_.fault || mode_ == mode::over || hold_ != "STARTTLS") return;
        if (passed_ == client_.size()) return;
        seen_.fault = {kind::behind_starttls, guard_place::command, 0};
        hold_.clear();
        --seen_.awaited;
    }

    /// True when a line, message or chunk was completed.
    bool pass_unit()
    {
        const std::string unit = client_.substr(unit_);
        switch (mode_) {
        case mode::command: return pass_line(unit);
        case mode::message: return pass_message(unit);
        case mode::chunk:
            if (unit.size() < chunk_) {
                passed_ = client_.size();
                return false;
            }
            passed_ = unit_ + chunk_;
            mode_ = mode::command;
            return true;
        case mode::open: passed_ = client_.size(); return false;
        case mode::over: break;
        }
        return false;
    }

    void insert(std::size_t at, const std::string& text)
    {
        const std::pair one{unit_ + at, text};
        if (std::ranges::find(inserted_, one) == inserted_.end()) inserted_.push_back(one);
    }

    bool faulty(kind k, guard_place place, std::size_t offset)
    {
        passed_ = unit_ + offset;
        seen_.fault = {k, place, offset};
        return false;
    }

    bool pass_line(const std::string& unit)
    {
        for (std::size_t i = 0; i < unit.size(); ++i) {
            if (i == line_max) return faulty(kind::line_too_long, guard_place::command, i);
            if (unit[i] == '\0') return faulty(kind::nul, guard_place::command, i);
            if (unit[i] == '\r' && i + 1 < unit.size() && unit[i + 1] != '\n' &&
                unit[i + 1] != '\r')
                return faulty(kind::bare_cr, guard_place::command, i);
            if (unit[i] != '\n') continue;
            std::string line = unit.substr(0, i + 1);
            const bool has_lf = !line.ends_with("\r\n");
            if (has_lf && !is_response_ && re2::RE2::FullMatch(line, "(?is)[ \\t]*BDAT.*")) {
                insert(i, "\r");
                line.insert(i, 1, '\r');
            }
            if (const auto k = fault_of(line)) return faulty(*k, guard_place::command, i);
            ++seen_.awaited;
            is_lf_ = !line.ends_with("\r\n");
            const bool is_odd = is_lf_ || line.ends_with("\r\r\n");
            if (is_odd && hold_.empty()) hold_ = "LINE";
            passed_ = unit_ + i + 1;
            return true;
        }
        passed_ = client_.size() - (unit.ends_with('\r') ? 1 : 0);
        return false;
    }

    std::optional<kind> fault_of(const std::string& line)
    {
        static const re2::RE2 chunk{"(?i)BDAT ([0-9]{1,10})( LAST)?[ \\t]*\\r\\n"};
        static const re2::RE2 between{"(?i)(RSET|NOOP|QUIT)[ \\t]*\\r?\\n"};
        static const re2::RE2 verb{"(?is)[ \\t]*(EHLO|HELO|AUTH|STARTTLS|DATA|BDAT).*"};
        if (is_response_) {
            is_response_ = false;
            hold_ = "AUTH";
            return std::nullopt;
        }
        std::string name;
        if (re2::RE2::FullMatch(line, verb, &name)) name = to_upper(name);
        if (name == "BDAT") {
            std::string last;
            if (!re2::RE2::FullMatch(line, chunk, &chunk_, &last)) return kind::bad_bdat;
            is_open_ = last.empty();
            if (chunk_ >= 0x80000000U || (chunk_ == 0 && is_open_)) return kind::bad_bdat;
            if (!has_chunking_) return kind::no_chunking;
            mode_ = mode::chunk;
            return std::nullopt;
        }
        if (is_open_) {
            if (!re2::RE2::FullMatch(line, between, &name)) return kind::bad_bdat;
            is_open_ = to_upper(name) != "RSET";
            return std::nullopt;
        }
        hold_ = name;
        if (hold_ == "HELO") hold_ = "EHLO";
        return std::nullopt;
    }

    bool pass_message(const std::string& unit)
    {
        for (std::size_t i = 0; i < unit.size(); ++i) {
            if (message_is_lf_ && unit[i] == '\n' && (i == 0 || unit[i - 1] != '\r'))
                insert(i, "\r");
            const std::size_t line = unit.substr(0, i).find_last_of("\r\n") + 1;
            const std::string before = unit.substr(line, i - line);
            if (unit[i] != '.' || before.find_first_not_of('\0') != std::string::npos) continue;
            const std::string behind = unit.substr(i + 1);
            if (behind == "\r") break;
            const bool is_lf_client = message_is_lf_;
            const bool begins_proper =
                i == 0 || (before.empty() && (unit.substr(0, i).ends_with("\r\n") ||
                                              (is_lf_client && unit[i - 1] == '\n')));
            const bool is_end = behind.starts_with("\r\n") || (is_lf_client && behind[0] == '\n');
            if (begins_proper && !behind.empty() && is_end) {
                const std::size_t size = i + 1 + behind.find('\n') + 1;
                if (behind[0] == '\n') insert(i + 1, "\r");
                end_message(unit.substr(0, size));
                passed_ = unit_ + size;
                return true;
            }
            static const re2::RE2 false_end{"(?s)[\\x00\r\n].*"};
            if (re2::RE2::FullMatch(behind, false_end)) insert(i + 1, ".");
        }
        passed_ = client_.size() - (unit.ends_with('\r') ? 1 : 0);
        return false;
    }

    void end_message(const std::string& message)
    {
        static const re2::RE2 odd{"\r([^\n]|$)|(^|[\r\n])(\\x00|\\.\\x00)"};
        static const re2::RE2 bare_lf{"(^|[^\r])\n"};
        ++seen_.awaited;
        mode_ = mode::command;
        if (re2::RE2::PartialMatch(message, odd) ||
            (!message_is_lf_ && re2::RE2::PartialMatch(message, bare_lf)))
            hold_ = "MESSAGE";
    }

    bool refuses(kind k)
    {
        is_backend_done_ = true;
        if (!seen_.fault) seen_.fault = {k, guard_place::reply, reply_.size()};
        return false;
    }

    /// Whether this octet of a reply passes.
    bool takes(char octet)
    {
        static const re2::RE2 beginning{"([2-5]([0-9]([0-9](|[- \\r\\n][^\\n]*\\n?))?)?)?"};
        const bool is_data = hold_ == "DATA" && seen_.awaited == 1;
        if (reply_.empty() && mode_ != mode::over) {
            if (seen_.awaited == 0) {
                if (seen_.fault) return false;
                if (octet == '2' || octet == '3') return refuses(kind::unexpected_reply);
                if (octet == '4' || octet == '5') mode_ = mode::over;
            } else if ((octet == '2' && is_data) ||
                       (octet == '3' && hold_ != "DATA" && hold_ != "AUTH")) {
                return refuses(kind::unexpected_reply);
            }
        }
        const std::size_t line_at = reply_.rfind('\n', reply_.size()) + 1;
        const std::string line = reply_.substr(line_at) + octet;
        const std::string code = (reply_ + octet).substr(0, 3);
        if (!re2::RE2::FullMatch(line, beginning)) return refuses(kind::bad_reply);
        if (!code.starts_with(line.substr(0, 3))) return refuses(kind::bad_reply);
        if (reply_.size() == 2 && code[0] == '3' && !(code == "354" && hold_ == "DATA") &&
            !(code == "334" && hold_ == "AUTH"))
            return refuses(kind::unexpected_reply);
        if (reply_.size() == 2 && code == "421") mode_ = mode::over;
        reply_ += octet;
        const bool is_last = line.size() > 3 && line[3] != '-' && octet == '\n';
        if (is_last) answered(std::stoi(code));
        return true;
    }

    void answered(int code)
    {
        static const re2::RE2 chunking{"(?i)\\n250[- ]CHUNKING[ \\r\\n]"};
        const bool names_chunking = re2::RE2::PartialMatch(reply_, chunking);
        reply_.clear();
        if (mode_ == mode::over) {
            is_backend_done_ = true;
            seen_.has_ended = !seen_.fault;
            return;
        }
        seen_.awaited = code < 400 && code >= 300 ? 0 : seen_.awaited - 1;
        if (seen_.awaited > 0) return;
        if (code == 354) mode_ = mode::message;
        if (code == 354) message_is_lf_ = is_lf_;
        if (hold_ == "EHLO") has_chunking_ = names_chunking;
        if (hold_ == "AUTH") is_response_ = code == 334;
        if (hold_ == "STARTTLS" && code == 220) mode_ = mode::open;
        hold_.clear();
    }

    guarded seen_;
    std::string client_;
    std::string reply_;
    std::string hold_; ///< the verb whose reply is waited for
    std::size_t passed_ = 0;
    std::size_t unit_ = 0;
    std::size_t chunk_ = 0;
    mode mode_ = mode::command;
    bool has_chunking_;
    bool is_open_ = false; ///< a last chunk is due
    bool is_response_ = false;
    bool is_lf_ = false;         ///< the last line ended in a bare <LF>
    bool message_is_lf_ = false; ///< that of DATA did
    std::vector<std::pair<std::size_t, std::string>> inserted_; ///< where, and what
    bool is_backend_done_ = false;
};

/// Mostly what a backend would say here.
std::string backend_text(dice& random, const slow_guard& model)
{
    static const std::vector<std::string> any{"250 ok\r\n",
                                              "250-a\r\n250 CHUNKING\r\n",
                                              "250-a\r\n250-CHUNKING\n250 b\n",
                                              "354 go\r\n",
                                              "334 x\r\n",
                                              "220 go\r\n",
                                              "421 down\r\n",
                                              "451 no\r\n",
                                              "550-no\r\n550 no\r\n",
                                              "250",
                                              "35",
                                              "-",
                                              " x\r\n",
                                              "\r\n",
                                              "hello\r\n",
                                              "250-a\r\n354 b\r\n"};
    if (random.one_in(12)) return random.one_of(any);
    const bool is_last = model.awaited() == 1;
    if (model.awaited() == 0) return "";
    if (is_last && model.hold() == "DATA") return random.one_in(4) ? "554 no\r\n" : "354 go\r\n";
    if (is_last && model.hold() == "EHLO") return any[random.below(3)];
    if (is_last && model.hold() == "AUTH") return random.one_in(3) ? "535 no\r\n" : "334 x\r\n";
    if (is_last && model.hold() == "STARTTLS")
        return random.one_in(2) ? "454 no\r\n" : "220 go\r\n";
    return random.one_in(4) ? "550 no\r\n" : "250 ok\r\n";
}

} // namespace

TEST_CASE("data guard: it does what a slow model of it does", "[smtp][random]")
{
    std::array<int, static_cast<std::size_t>(kind::unexpected_reply) + 1> faults{};
    int messages = 0;
    for (unsigned seed = 1; seed <= 20000; ++seed) {
        CAPTURE(seed);
        dice random{seed};
        const bool has_chunking = random.one_in(2);
        guard_session session{{.has_chunking = has_chunking, .line_octets = line_max}};
        slow_guard model{has_chunking};
        const std::string text = client_text(random);
        for (std::size_t at = 0; at < text.size();) {
            const std::string piece = text.substr(at, 1 + random.below(random.one_in(2) ? 3 : 40));
            at += piece.size();
            session.client(piece);
            model.client(piece);
            for (int i = random.one_in(4) ? 0 : 3; i > 0; --i) {
                const std::string reply = backend_text(random, model);
                session.backend(reply);
                model.backend(reply);
            }
            messages += session.guard().in_message();
            REQUIRE(session.seen() == model.seen());
        }
        if (const auto& fault = session.guard().fault())
            ++faults[static_cast<std::size_t>(fault->kind)];
    }
    // All of it was tried, but for a reply that is too long and a client that is given up.
    CHECK(messages > 1000);
    CHECK(std::ranges::count_if(faults, [](int times) { return times > 20; }) == 8);
}

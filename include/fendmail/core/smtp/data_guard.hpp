// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/limits.hpp"
#include "fendmail/core/smtp/end_of_data.hpp"
#include "fendmail/core/smtp/reply.hpp"
#include "fendmail/core/smtp/reply_tracker.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

/// Watches a relayed session in both directions, so that the backend finds in it the mails that
/// the client meant, and no others: only <CRLF>.<CRLF> ends a message. What servers read in two
/// ways within a message is made harmless (end_of_data adds a dot to what would be an end for some)
/// and else left to them: a mail that the backend would take is taken. Commands are not changed;
/// what is at fault is not forwarded.
///
/// Source: RFC 5321 §4.1.1.4, §2.3.8; RFC 2920 §3.1 (DATA, EHLO and others end a pipelined group,
/// so holding back what follows them costs an honest client nothing), RFC 3030 §2 (BDAT), RFC 3207
/// §4 (STARTTLS), RFC 4954 §4 (AUTH). CVE-2023-51764, -51765, -51766: SMTP smuggling.
///
/// The guard must never take for a command what the backend takes for mail, nor the reverse. So
/// where servers differ, it does not guess:
/// - EHLO, HELO, AUTH, STARTTLS and DATA, also as the beginning of a longer word or behind blanks,
///   are held at: nothing behind them is forwarded until their reply has come. Each line counts as
///   one reply; a 354, a 334 or a positive reply where none can be means that the two disagree.
/// - A bare <LF> ends a command line, as servers have it. One that wants <CRLF> would see other
///   lines, so nothing behind it is forwarded until its reply has come: that proves the line. BDAT,
///   whose chunk follows at once, gets the <CR> that is missing. So it is with more <CR>s than one
///   before the <LF>, but for BDAT. A bare <CR> elsewhere or a NUL in a command, and a line longer
///   than any server reads in one piece, are faults.
/// - DATA that ended in a bare <LF>, and was answered, is of a client that ends its lines so, and
///   <LF>.<LF> is its end of data; the message goes on in <CRLF>s. The author of a mail that
///   another server relays has no hand in that server's commands, so he cannot bring this about.
/// - Behind the end of a message that held anything irregular nothing is forwarded until the reply
///   has come: had the backend not seen this end, it would take commands for mail.
/// - BDAT is taken only in the form RFC 3030 gives it, below 2 GiB, and only when the backend's
///   last EHLO reply had CHUNKING, and the client saw it: otherwise the backend would read the
///   chunk as commands, or do what its admin does not want it to. Until a chunk with LAST, only
///   BDAT, NOOP, RSET and QUIT may follow (Exim stops reading chunks then). What a chunk holds is
///   not looked at: it may be binary and ends where its size says.
/// XEXCH50 (its reply is 354) and SASL security layers are not understood; such a session ends.
///
/// Units: octets.
/// Memory: constant, the beginning of one command line. Time: linear, two searches of the C
/// library for each line of a message; no allocation. What is added is at most one octet for two.
/// Errors: faults are values; after the first there is no other.
/// Threads: one guard belongs to one session.
namespace fendmail::smtp {

enum class guard_next : std::uint8_t {
    go_on,
    wait,  ///< a reply must come first; until then nothing of the client passes
    ended, ///< the backend ends the session (421); close both sides once all is forwarded
    fault, ///< see fault()
};

struct guard_step {
    std::string_view forward;  ///< the beginning of what was given; send it on
    std::string_view insert{}; ///< of ours: to be sent behind it, and never given out again
    guard_next then = guard_next::go_on;
};

enum class guard_place : std::uint8_t { command, message, reply };

enum class guard_fault_kind : std::uint8_t {
    // of the client
    bare_cr,
    nul,
    line_too_long,
    false_end,       ///< a message ended in what is no end, and the client waits for a reply
    bad_bdat,        ///< not as RFC 3030 has it, or another command where only BDAT may stand
    no_chunking,     ///< BDAT, but CHUNKING was not offered
    behind_starttls, ///< octets that the client sent before the reply to STARTTLS
    // of the backend
    bad_reply, ///< not SMTP
    reply_too_long,
    unexpected_reply, ///< unasked, or of a kind that cannot be the answer
};

struct guard_fault {
    guard_fault_kind kind = guard_fault_kind::bare_cr;
    guard_place place = guard_place::command;
    /// Where the faulty octet stands: from the beginning of the command line, message or reply.
    std::uint64_t offset = 0;

    friend bool operator==(const guard_fault&, const guard_fault&) = default;
};

struct guard_options {
    /// The backend's last reply to EHLO, read by the shell, had CHUNKING.
    bool has_chunking = false;
    /// The client is not offered CHUNKING, whatever the backend says.
    bool hides_chunking = false;
    /// Replies that will be forwarded although the guard has not seen what they answer, such as
    /// the greeting.
    std::uint64_t replies_awaited = 0;
    std::size_t line_octets = limits::relayed_line_octets; ///< of a command, its <LF> included
};

/// How to use it: what comes from a side is given to on_client() or on_backend(), `forward` and
/// `insert` are sent on, the former is removed from the buffer; with either of them on_client() is
/// called again before its `then` counts. What remains of the client's octets is given again, with
/// more behind them (a <CR> whose <LF> has not come), and after each on_backend() that ended
/// client_waits(). Giving them earlier does no harm and takes no time. A buffer that is full while
/// the client waits is a reason not to read, so any size above 1 will do. Of the backend's nothing
/// remains, unless it is at an end. Once is_transparent() the guard need not be asked any more.
///
/// Nothing can be taken back, so a mail that is given up ends with the backend's connection: the
/// end of data, or the last chunk, was never sent, and no server delivers without it (RFC 5321
/// §4.1.1.4). What to do, by what `then` says:
/// - go_on while is_at_false_end(), and the client is silent for long: give_up_message(), close the
///   backend at once, without QUIT, send last_words_of() and close. Without that the client would
///   wait for a reply until the time limit of one side.
/// - fault of the client in a command: take nothing more of it, but while there are
///   replies_awaited() go on with on_backend(), until that says `fault`, too, or the backend closes
///   or is too slow: a reply may be about a mail that was taken. Then close the backend, send the
///   last words unless is_reply_under_way(), and close.
/// - fault of the backend: close it, send the last words unless is_reply_under_way(), and close.
/// - ended: as above, but the backend has said the last words.
/// - The backend closes without any of these: if in_message() or replies_awaited(), and no reply is
///   under way, a 421 is what the client should hear.
/// - The client closes: once what it sent has been given and client_waits() is false, end the
///   backend's input. What remains then, a <CR>, is not sent: it ends nothing.
/// - close: end our output, then read and throw away until the client closes, within a limit;
///   with octets unread the kernel sends a reset, which may take the reply away from the client.
class data_guard {
public:
    explicit data_guard(const guard_options& options = {}) noexcept;

    [[nodiscard]] guard_step on_client(std::string_view octets) noexcept;
    /// After a fault of the client it still forwards the replies that are awaited: an earlier mail
    /// may have been taken, and the client must learn it. `fault` then says that none is left.
    [[nodiscard]] guard_step on_backend(std::string_view octets) noexcept;

    /// A reply must come, to its end, before anything more is taken from the client.
    [[nodiscard]] bool client_waits() const noexcept
    {
        return hold_ != hold::none || (phase_ == phase::ended && !is_backend_done_);
    }
    /// Behind a 354 and before the end of data.
    [[nodiscard]] bool in_message() const noexcept { return phase_ == phase::message; }
    /// Behind STARTTLS: both directions pass unseen.
    [[nodiscard]] bool is_transparent() const noexcept { return phase_ == phase::transparent; }
    [[nodiscard]] std::uint64_t replies_awaited() const noexcept { return awaited_; }
    /// The client has received a part of a reply: nothing else can be said to it.
    [[nodiscard]] bool is_reply_under_way() const noexcept { return reply_.is_under_way(); }
    [[nodiscard]] const std::optional<guard_fault>& fault() const noexcept { return fault_; }

    /// The client may believe that it has ended its message.
    [[nodiscard]] bool is_at_false_end() const noexcept
    {
        return phase_ == phase::message && !fault_ && end_.is_at_false_end();
    }
    /// A message held one at least; it was made text.
    [[nodiscard]] bool had_false_end() const noexcept { return had_false_end_; }
    /// @pre is_at_false_end()
    void give_up_message() noexcept;

private:
    enum class phase : std::uint8_t {
        command,
        message,
        chunk, ///< of BDAT
        transparent,
        ended,
    };
    /// Whose reply is waited for before the client may go on.
    enum class hold : std::uint8_t { none, line, hello, auth, starttls, data, message };
    /// The beginning of a command line, <SP>, <HT> and the like before it not kept.
    struct line_start {
        std::array<char, 40> octets{}; ///< BDAT, a size of 10 digits, LAST, and room for blanks
        std::size_t size = 0;
        std::uint64_t line_octets = 0; ///< of the whole line so far
        bool is_indented = false;
        bool is_cut = false;       ///< there was more than fits
        bool has_more_crs = false; ///< than one before the <LF>

        void keep(char octet) noexcept;
        [[nodiscard]] std::string_view text() const noexcept { return {octets.data(), size}; }
    };

    [[nodiscard]] std::size_t take_commands(std::string_view octets) noexcept;
    [[nodiscard]] std::size_t take_message(std::string_view octets) noexcept;
    [[nodiscard]] std::size_t take_chunk(std::string_view octets) noexcept;
    [[nodiscard]] std::optional<guard_fault_kind> end_line(bool has_cr) noexcept;
    [[nodiscard]] std::optional<guard_fault_kind> begin_chunk(bool is_exact) noexcept;
    [[nodiscard]] bool lacks_cr() const noexcept;

    [[nodiscard]] bool begin_reply(char octet) noexcept;
    [[nodiscard]] bool take_reply(char octet) noexcept;
    [[nodiscard]] bool may_have_code(int code) const noexcept;
    bool refuse_reply(guard_fault_kind kind, std::size_t offset) noexcept;
    void end_reply() noexcept;
    void release() noexcept;
    void fail(guard_fault_kind kind, guard_place place, std::uint64_t offset) noexcept;

    std::size_t line_octets_max_;
    bool hides_chunking_;
    phase phase_ = phase::command;
    hold hold_ = hold::none;
    std::uint64_t awaited_; ///< replies to what was forwarded
    std::optional<guard_fault> fault_;

    line_start line_;
    line_ending ending_ = line_ending::crlf; ///< of the last line
    bool has_own_cr_ = false;                ///< this guard put it before the <LF> that comes
    std::string_view insert_;                ///< to be handed out with the step under way
    bool is_response_ = false;               ///< the next line answers a 334 and is no command
    bool has_chunking_;
    bool had_false_end_ = false;
    bool is_last_chunk_due_ = false;   ///< a chunk without LAST was sent
    std::uint64_t chunk_octets_ = 0;   ///< that still belong to the chunk
    std::uint64_t message_octets_ = 0; ///< of the message that were forwarded
    end_of_data end_;

    reply_tracker reply_;
    bool is_backend_done_ = false; ///< nothing more of it is forwarded
};

/// What to say to the client before the session is closed: 5xx for its own fault, 421 for the
/// backend's, and also when plain text stood behind STARTTLS, since it may be the victim. A message
/// that has not ended is deferred: there are servers that would have taken its end.
[[nodiscard]] reply last_words_of(const guard_fault& f);

[[nodiscard]] std::string_view to_string(guard_next n) noexcept;
[[nodiscard]] std::string_view to_string(guard_place p) noexcept;
[[nodiscard]] std::string_view to_string(guard_fault_kind k) noexcept;

} // namespace fendmail::smtp

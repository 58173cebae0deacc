// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

/// Splits what a client sends into command lines. Pure: no I/O, no clock, no throw.
///
/// Source: RFC 5321 §2.3.8 (only <CRLF> ends a line, so a bare <LF> is a fault of the client) and
/// §4.5.3.1.4 (a command line of 512 octets, <CRLF> included, is accepted).
///
/// Units: every size is in octets.
/// Memory: `max_text` octets, grown only when a line arrives in pieces; what a client sends
/// beyond that is dropped and flagged, never stored. The flags of a line are about all of it, its
/// dropped octets too, so they never depend on how the octets arrived.
/// Errors: none. A malformed line is a value (see `line`), because it is evidence for a screening
/// test and not a failure of ours.
/// Threads: one reader belongs to one session.
namespace fendmail::smtp {

struct line {
    std::string_view text; ///< without its ending; valid until the next call of feed() or next()
    bool bare_lf = false;  ///< ended by <LF> alone
    bool bare_cr = false;  ///< holds a <CR> that no <LF> follows
    bool has_nul = false;  ///< holds a NUL octet
    bool too_long = false; ///< was longer than `max_text`; `text` is its beginning
};

class line_reader {
public:
    /// @param max_text most octets kept of one line, its ending not counted
    explicit line_reader(std::size_t max_text)
        : max_text_{max_text}
    {
    }

    /// Takes over the octets of one read. They must outlive the calls of next() for them.
    /// @pre next() returned nothing, so no earlier octets are left
    void feed(std::string_view octets) noexcept { unread_ = octets; }

    /// The next whole line, or nothing when more octets are needed.
    [[nodiscard]] std::optional<line> next();

    /// True as soon as the line under way is longer than `max_text`, whether or not it has ended:
    /// a client that may not send more is not read from until an <LF> comes.
    /// A <CR> right behind `max_text` octets is still waited for: it may belong to the ending.
    [[nodiscard]] bool overflowed() const noexcept { return octets_ - ends_in_cr_ > max_text_; }

    /// Gives them up: the lines in them are not asked for here any more.
    [[nodiscard]] std::string_view take_unread() noexcept { return std::exchange(unread_, {}); }
    /// The octets behind the last line: the client did not wait for our reply.
    [[nodiscard]] std::string_view unread() const noexcept { return unread_; }
    /// What has arrived of the line under way.
    [[nodiscard]] std::string_view partial() const noexcept
    {
        return was_returned_ ? std::string_view{} : std::string_view{kept_};
    }

private:
    void take(std::string_view piece) noexcept;
    void keep(std::string_view piece);
    void forget_line() noexcept;

    std::size_t max_text_;
    std::string_view unread_; ///< behind the last line
    std::string kept_;        ///< of a line that has not ended yet
    std::size_t octets_ = 0;  ///< of the line under way, dropped ones too
    bool ends_in_cr_ = false; ///< its last octet is a <CR>: bare, unless an <LF> comes next
    bool has_bare_cr_ = false;
    bool has_nul_ = false;
    bool was_returned_ = false; ///< the line above is the caller's; the next one starts anew
};

} // namespace fendmail::smtp

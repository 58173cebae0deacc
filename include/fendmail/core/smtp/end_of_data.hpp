// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

/// Where the octets behind DATA end, and how to keep every server from seeing an end elsewhere.
///
/// Two programs that disagree about the end read two different lists of mails out of one connection
/// (SMTP smuggling, CVE-2023-51764 and its relatives). Servers differ in what ends a line: <CRLF>
/// alone, or also <LF>, <CR>, <CR><CRLF>; some drop NULs, and some stop at one. So a line that
/// holds one dot for any of them, and is not the end, gets a second dot: a server that sees a line
/// there takes the first away (RFC 5321 §4.5.2) and has the dot as text, and to one that sees no
/// line it was text all along. Two dots in a row end it for no server. Nothing else is changed, and
/// no octet is taken away: what a server makes of a bare <CR> or <LF> (a line, an octet, a refusal)
/// is its own affair.
///
/// A client that ends all its lines in <LF> alone has no end of data that every server takes. Its
/// server has just taken such a line, DATA's, so its <LF>s become <CRLF>s.
///
/// Source: RFC 5321 §2.3.8 (only <CRLF> ends a line), §4.1.1.4 (only <CRLF>.<CRLF> ends data; the
/// first <CRLF> may be that of DATA itself), §4.5.2 (dots).
/// Units: octets.
/// Memory: constant.
/// Errors: none.
/// Threads: one of these belongs to one session.
namespace fendmail::smtp {

/// How the client ends its lines. Its DATA command tells: the author of the mail that it carries
/// has no influence on that.
enum class line_ending : std::uint8_t {
    crlf,
    lf, ///< or <CRLF>: either of them, before and behind a dot, is its end of data
};

enum class data_next : std::uint8_t {
    more, ///< the message goes on
    end,
    stuff,  ///< a dot goes here that the client did not send
    add_cr, ///< and here a <CR>
};

struct data_step {
    std::size_t octets = 0; ///< how many may pass: up to and with the end, or up to what is added
    data_next then = data_next::more;
};

class end_of_data {
public:
    explicit end_of_data(line_ending proper = line_ending::crlf) noexcept
        : proper_{proper}
    {
    }

    /// Takes octets up to the end, the place of something added, or their own end. A <CR> that
    /// stands last is not taken (`octets` is one less): give it again, with more behind it.
    /// @pre the end was not found
    [[nodiscard]] data_step take(std::string_view octets) noexcept;

    /// Something came that servers may read differently. Its end they see alike, as far as we know.
    [[nodiscard]] bool is_irregular() const noexcept { return is_irregular_; }
    /// The last octets would be an end for some: a client that means them so waits for a reply now.
    [[nodiscard]] bool is_at_false_end() const noexcept { return is_at_false_end_; }

private:
    /// What the line under way is so far, without NULs.
    enum class shape : std::uint8_t { empty, dot, stuffed, text };

    [[nodiscard]] data_step end_line(std::size_t at, std::size_t ending, bool is_proper) noexcept;
    [[nodiscard]] data_step take_bare_lf(std::size_t at) noexcept;
    [[nodiscard]] data_step take_nul(std::size_t at) noexcept;

    line_ending proper_;
    shape line_ = shape::empty; ///< the line of DATA was just before
    bool is_proper_ = true;   ///< the line under way stands behind a proper ending, and has no NUL
    bool has_own_cr_ = false; ///< was added before the <LF> that comes
    bool is_irregular_ = false;
    bool is_at_false_end_ = false;
};

[[nodiscard]] std::string_view to_string(data_next n) noexcept;
[[nodiscard]] std::string_view to_string(line_ending e) noexcept;

} // namespace fendmail::smtp

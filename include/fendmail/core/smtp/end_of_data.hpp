// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

/// Where the octets behind DATA end: as RFC 5321 has it, and as broken software takes it.
///
/// Two programs that disagree about this read two different lists of mails out of one connection
/// (SMTP smuggling, CVE-2023-51764 and its relatives). `strict_end_of_data` therefore knows one
/// end and lets nothing pass that another program could take for a line's end;
/// `lax_end_of_data` finds out when a client that was caught believes to have finished.
///
/// Source: RFC 5321 §2.3.8 (only <CRLF> ends a line; no bare <CR> or <LF>), §4.1.1.4 (only
/// <CRLF>.<CRLF> ends data; the first <CRLF> may be that of DATA itself), §4.5.2 (dots).
/// Units: octets.
/// Memory: constant.
/// Errors: none; faults are values.
/// Threads: one of these belongs to one session.
namespace fendmail::smtp {

enum class data_next : std::uint8_t {
    more,    ///< the message goes on
    end,     ///< <CRLF>.<CRLF>
    bare_lf, ///< an <LF> without a <CR> before it
    bare_cr, ///< a <CR> without an <LF> behind it
    nul_dot, ///< a line of one dot and NULs: the end of data for who drops NULs
};

struct data_step {
    std::size_t octets = 0; ///< how many may pass: up to and with the end, or up to the fault
    data_next then = data_next::more;
};

class lax_end_of_data;

class strict_end_of_data {
public:
    /// Takes octets up to the end, the first fault, or their own end. A <CR> that stands last is
    /// not taken (`octets` is one less): give it again, with more behind it.
    /// @pre neither the end nor a fault was found
    [[nodiscard]] data_step take(std::string_view octets) noexcept;

    /// For who has found a fault: to be fed from the faulty octet on.
    [[nodiscard]] lax_end_of_data lax() const noexcept;

private:
    friend class lax_end_of_data;
    /// What the line under way is so far.
    enum class shape : std::uint8_t { empty, dot, nuls, nul_dot, text };
    [[nodiscard]] static shape with(shape line, char octet) noexcept;

    shape line_ = shape::empty; ///< the <CRLF> of DATA was just before
};

enum class data_end : std::uint8_t {
    none,
    lax,    ///< the last octets are one: it was the end unless more comes
    strict, ///< <CRLF>.<CRLF> has come; nothing that follows changes it
};

/// A line ends with <CR>, <LF> or <CRLF>, and NULs are not there; a line of one dot is an end.
class lax_end_of_data {
public:
    lax_end_of_data() noexcept = default;

    [[nodiscard]] data_end feed(std::string_view octets) noexcept;

private:
    friend class strict_end_of_data;
    void take(char octet) noexcept;
    void end_line(char octet) noexcept;

    enum class shape : std::uint8_t { empty, dot, text };
    shape line_ = shape::empty;
    bool after_cr_ = false;     ///< an <LF> now belongs to the ending before
    bool is_proper_ = true;     ///< the line under way stands behind <CRLF> and holds no NUL
    bool ended_proper_ = false; ///< the last line was a dot, and an <LF> makes it a strict end
    data_end found_ = data_end::none;
};

[[nodiscard]] std::string_view to_string(data_next n) noexcept;
[[nodiscard]] std::string_view to_string(data_end e) noexcept;

} // namespace fendmail::smtp

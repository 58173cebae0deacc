// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

/// A command line, taken apart: its verb and its argument.
///
/// Source: RFC 5321 §4.1.1; RFC 3030 §2 (BDAT), RFC 1985 §5 (ETRN), RFC 3207 §4 (STARTTLS). As in
/// postscreen a <SP> ends the verb and a <HT> does not, <SP>s before it are skipped, and a NUL
/// ends the line.
/// Memory: views of the line; no allocation.
/// Errors: none. What is not a command has the verb `unknown`.
/// Threads: functions of their arguments only.
namespace fendmail::smtp {

enum class verb : std::uint8_t {
    unknown,
    ehlo,
    helo,
    mail,
    rcpt,
    data,
    bdat,
    rset,
    noop,
    vrfy,
    etrn,
    starttls,
    quit,
    auth,
    xclient,
    xforward,
};

struct verb_row {
    smtp::verb verb = verb::unknown;
    std::string_view name;     ///< upper case, as logged
    bool ends_session = false; ///< whatever the reply: what follows may be mail and not commands
    bool is_limited = true;    ///< may be one command too many
    bool before_tls = false;   ///< taken in plain text although TLS is required
    bool is_repeated = false;  ///< to the backend, when the client goes on there
};

/// In the order of `verb`. The name of `unknown` is what postscreen logs; it never matches.
inline constexpr std::array<verb_row, 16> verb_table{{
    {.verb = verb::unknown, .name = "UNIMPLEMENTED"},
    {.verb = verb::ehlo, .name = "EHLO", .before_tls = true, .is_repeated = true},
    {.verb = verb::helo, .name = "HELO", .before_tls = true, .is_repeated = true},
    {.verb = verb::mail, .name = "MAIL", .is_repeated = true},
    {.verb = verb::rcpt, .name = "RCPT", .is_repeated = true},
    {.verb = verb::data, .name = "DATA", .ends_session = true},
    {.verb = verb::bdat, .name = "BDAT", .ends_session = true},
    {.verb = verb::rset, .name = "RSET"},
    {.verb = verb::noop, .name = "NOOP", .before_tls = true},
    {.verb = verb::vrfy, .name = "VRFY"},
    {.verb = verb::etrn, .name = "ETRN"},
    {.verb = verb::starttls, .name = "STARTTLS", .before_tls = true},
    {.verb = verb::quit,
     .name = "QUIT",
     .ends_session = true,
     .is_limited = false,
     .before_tls = true},
    // Known, so that the log names them and no test takes them for another protocol's; not offered.
    {.verb = verb::auth, .name = "AUTH", .is_repeated = true},
    {.verb = verb::xclient, .name = "XCLIENT"},
    {.verb = verb::xforward, .name = "XFORWARD"},
}};

struct command {
    smtp::verb verb = verb::unknown;
    std::string_view verb_text = verb_table[0].name; ///< as logged; lives as long as the program
    std::string_view token;                          ///< the verb as it was sent
    std::string_view argument; ///< behind the verb and the <SP>s that follow it; "" for none
};

[[nodiscard]] command parse_command(std::string_view line) noexcept;

[[nodiscard]] constexpr const verb_row& row_of(verb v) noexcept
{
    return verb_table[static_cast<std::size_t>(v)];
}

/// "EHLO"; "UNIMPLEMENTED" for `unknown`.
[[nodiscard]] constexpr std::string_view to_string(verb v) noexcept
{
    return row_of(v).name;
}

/// Up to the first <SP> of `text`, leading ones skipped; "" when there is nothing else.
[[nodiscard]] std::string_view first_word(std::string_view text) noexcept;

} // namespace fendmail::smtp

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/result.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// An SMTP reply as a value: to be written to a client, or read from a backend.
///
/// Source: RFC 5321 §4.2 (syntax, multi-line form), §4.5.3.1.5 (512 octets a line), RFC 3463
/// (enhanced status codes).
/// Memory: bounded by `limits::reply_line_octets` × `limits::reply_lines` when read.
/// Errors: the reader returns `bad_reply` or `line_too_long`; after an error only reset() helps.
/// Threads: values; one reader belongs to one session.
/// The reader is strict, because what it accepts may be forwarded to a client: <CRLF> ends a line
/// and nothing else does, all lines carry one code, and no control octet but <HT> is let through.
namespace fendmail::smtp {

struct reply {
    int code = 0;                   ///< 200 to 599
    std::string enhanced;           ///< "5.7.1", or "" for none
    std::vector<std::string> lines; ///< text without code and enhanced code; at least one

    [[nodiscard]] bool is_positive() const noexcept { return code >= 200 && code < 400; }
    [[nodiscard]] bool is_transient() const noexcept { return code >= 400 && code < 500; }
    [[nodiscard]] bool is_permanent() const noexcept { return code >= 500; }

    friend bool operator==(const reply&, const reply&) = default;
};

[[nodiscard]] reply make_reply(int code, std::string_view enhanced, std::string_view text);

/// As sent: "550 5.7.1 text\r\n", or several lines with "-" in all but the last. Control octets
/// in a text become "?", so no text can forge a line.
[[nodiscard]] std::string to_wire(const reply& r);
/// As logged: "550 5.7.1 text", without line ends; texts are joined with "; ". Not escaped.
[[nodiscard]] std::string to_log(const reply& r);
/// 5xx and 5.x.x become 4xx and 4.x.x (Postfix's soft_bounce).
[[nodiscard]] reply softened(reply r);

/// Puts a backend's reply together from octets as they arrive.
class reply_reader {
public:
    /// Takes octets up to the end of one reply.
    /// @return how many were taken; less than given only when the reply is complete
    [[nodiscard]] result<std::size_t> feed(std::string_view octets);
    [[nodiscard]] bool complete() const noexcept { return complete_; }
    /// True once an octet was taken.
    [[nodiscard]] bool started() const noexcept { return !raw_.empty(); }
    /// The enhanced code is split off only when all lines start with the same one.
    /// @pre complete()
    [[nodiscard]] reply get() const;
    /// Exactly what the backend sent, line ends included.
    [[nodiscard]] const std::string& raw() const noexcept { return raw_; }
    void reset() noexcept;

private:
    [[nodiscard]] result<void> check_line();

    std::string raw_;
    std::size_t line_start_ = 0;
    std::size_t lines_ = 0;
    bool complete_ = false;
};

} // namespace fendmail::smtp

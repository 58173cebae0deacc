// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/smtp/reply.hpp"

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// EHLO keywords: those that we offer, and those that a backend offers us.
///
/// Source: RFC 5321 §4.1.1.1 (ehlo-line), §2.2.1; RFC 1870 §3 (SIZE), RFC 2034 §3
/// (ENHANCEDSTATUSCODES), RFC 6152 §2 (8BITMIME), RFC 3461 §3 (DSN), RFC 6531 §3.1 (SMTPUTF8),
/// RFC 3030 §2 (CHUNKING), RFC 1985 §4 (ETRN).
/// Memory: one string per word; a backend's reply is bounded by its reader.
/// Errors: none; lines of a backend that hold no keyword are skipped.
/// Threads: values.
namespace fendmail::smtp {

struct extension {
    std::string keyword;                 ///< upper case
    std::vector<std::string> parameters; ///< as sent
    friend bool operator==(const extension&, const extension&) = default;
};

class extensions {
public:
    extensions() = default;
    /// The first line of `ehlo` is the backend's name and greeting, the others are keywords.
    explicit extensions(const reply& ehlo);

    [[nodiscard]] bool has(std::string_view keyword) const noexcept;
    [[nodiscard]] bool has(std::string_view keyword, std::string_view parameter) const noexcept;
    /// Empty when the keyword is not offered or has none. Of a repeated keyword the first counts.
    [[nodiscard]] std::span<const std::string> parameters(std::string_view keyword) const noexcept;
    [[nodiscard]] const std::vector<extension>& all() const noexcept { return all_; }

private:
    [[nodiscard]] const extension* find(std::string_view keyword) const noexcept;

    std::vector<extension> all_;
};

/// The keywords behind the host name in our own EHLO reply, in postscreen's order. PIPELINING is
/// never among them: a client that pipelines all the same shows what it is.
inline constexpr std::array<std::string_view, 9> offered_extensions{
    "SIZE",     "VRFY", "ETRN",     "STARTTLS", "ENHANCEDSTATUSCODES",
    "8BITMIME", "DSN",  "SMTPUTF8", "CHUNKING"};

/// What may be offered to a client that goes on to the backend when the backend offers it: what
/// can be repeated word for word, or comes behind the hand-off. Never XCLIENT and XFORWARD, which
/// backends offer us and not the client, nor PIPECONNECT, which makes clients speak first.
inline constexpr std::array<std::string_view, 12> relayed_extensions{
    "PIPELINING", "SIZE",     "STARTTLS", "AUTH",       "ENHANCEDSTATUSCODES", "8BITMIME",
    "DSN",        "SMTPUTF8", "CHUNKING", "BINARYMIME", "DELIVERBY",           "MT-PRIORITY"};

} // namespace fendmail::smtp

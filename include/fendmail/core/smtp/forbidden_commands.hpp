// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/result.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace re2 {
class RE2;
}

/// Which command lines belong to another protocol: a browser's, a proxy's, or a mail header that a
/// client sends because it does not wait for replies.
///
/// Source: postscreen's non-SMTP command test; RFC 5322 §2.2 (header fields), RFC 3629 §3 (UTF-8).
/// Memory: the verbs and the compiled patterns; matching allocates nothing that grows with the
/// input, and its time is linear in it (RE2).
/// Errors: `bad_pattern`.
/// Threads: immutable once filled; shared by all workers.
namespace fendmail::smtp {

class forbidden_commands {
public:
    /// @param text a verb, or /pattern/ in RE2's syntax; both ignore case
    [[nodiscard]] result<void> add(std::string_view text);

    /// @param verb the first word of a command line
    [[nodiscard]] bool matches(std::string_view verb) const;

private:
    std::vector<std::string> verbs_;
    std::vector<std::shared_ptr<const re2::RE2>> patterns_;
};

/// "Subject: x", and also "Subject : x": a name of printable octets, then ":".
[[nodiscard]] bool is_header_like(std::string_view line) noexcept;

/// True for text that holds no octet sequence which UTF-8 forbids.
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

} // namespace fendmail::smtp

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

/// One line of JSON that is an object of texts, numbers and words, none within another.
///
/// Source: RFC 8259. Texts are given as they stand between their quotes: what is looked for here
/// (a network, a number, "metadata") needs no escapes, and one that has some is not it.
/// Memory: none; views of the line.
/// Errors: a line that is no such object, or does not end, is not valid.
/// Threads: values.
namespace fendmail::feed {

struct json_member {
    std::string_view name;
    std::string_view value; ///< of a text without its quotes
    bool is_text = false;
};

class flat_json_reader {
public:
    explicit flat_json_reader(std::string_view line) noexcept;

    /// The next member; nothing at the end, or where the line is wrong.
    [[nodiscard]] std::optional<json_member> next() noexcept;
    /// Whether all of the line was one object; known once next() has said nothing.
    [[nodiscard]] bool is_whole() const noexcept { return state_ == state::ended; }

private:
    enum class state : unsigned char { first, more, ended, wrong };

    void skip_blanks() noexcept;
    [[nodiscard]] bool take(char c) noexcept;
    [[nodiscard]] std::optional<std::string_view> take_text() noexcept;
    [[nodiscard]] std::optional<json_member> fail() noexcept;
    void end() noexcept;

    std::string_view left_;
    state state_ = state::first;
};

} // namespace fendmail::feed

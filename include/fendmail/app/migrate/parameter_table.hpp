// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

/// Every parameter of Postfix that postscreen obeys, and what becomes of it. The converter's
/// comments and the table in docs/from-postscreen.md are made from it.
///
/// Source: postscreen(8) and postconf(5) of Postfix 2.8 to 3.12; defaults are those of 3.7 to 3.11
/// as `postconf -d` prints them, a test compares with the installed Postfix.
/// Memory: constants.
/// Errors: none.
/// Threads: constants.
namespace fendmail::app::postscreen {

enum class fate : std::uint8_t {
    same,    ///< a key does the same
    differs, ///< a key does it, with a difference that the note names
    feeds,   ///< only its value is used, for the keys named
    dropped, ///< nothing here needs it
    lost,    ///< what it does is not done here: the admin has to look
};
[[nodiscard]] std::string_view to_string(fate f) noexcept;

struct parameter {
    std::string_view name = {};
    std::string_view default_text = {}; ///< as written, before expansion
    fate what = fate::same;
    std::string_view keys = {}; ///< "greet.wait, greet.wait_under_stress"; "" = none
    std::string_view note = {}; ///< a sentence or two for the docs and for comments
    /// What the docs say in place of a default that each machine or version has its own of.
    std::string_view default_in_words = {};
    bool is_unknown_here = false; ///< its default is in no file: Postfix's own version
};

[[nodiscard]] std::span<const parameter> all_parameters() noexcept;
/// The parameter, or nullptr.
[[nodiscard]] const parameter* find_parameter(std::string_view name) noexcept;

/// The table of docs/from-postscreen.md.
[[nodiscard]] std::string parameters_markdown();

} // namespace fendmail::app::postscreen

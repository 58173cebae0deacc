// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/reply_watch.hpp"

#include "fendmail/core/text/ascii.hpp"

#include <algorithm>
#include <array>

namespace fendmail::smtp {

namespace {

bool holds(std::string_view text, std::string_view words) noexcept
{
    // Not std::ranges::search: clang 14 cannot compile libstdc++'s views.
    const auto is_same = [](char a, char b) { return to_lower(a) == b; };
    return std::search(text.begin(), text.end(), words.begin(), words.end(), is_same) != text.end();
}

} // namespace

void reply_watch::on_backend(std::string_view octets) noexcept
{
    while (!octets.empty() && !is_blind_) {
        const auto end = octets.find('\n');
        const auto part = octets.substr(0, end);
        size_ += part.copy(line_.data() + size_, line_.size() - size_);
        if (end == std::string_view::npos) return;
        octets.remove_prefix(end + 1);
        on_line();
        size_ = 0;
    }
}

void reply_watch::on_line() noexcept
{
    const std::string_view line{line_.data(), size_};
    constexpr std::size_t code_octets = 3;
    const bool is_reply =
        line.size() >= code_octets && is_digit(line[0]) && is_digit(line[1]) && is_digit(line[2]);
    // Only the last line of a reply counts.
    if (!is_reply || (line.size() > code_octets && line[code_octets] == '-')) return;
    const auto code = line.substr(0, code_octets);
    const auto text = line.substr(std::min(code_octets + 1, line.size()));
    if (code == "354") {
        has_message_ = true;
        return;
    }
    // The greeting has been sent already: what is ready now is TLS.
    if (code == "220") {
        is_blind_ = true;
        return;
    }
    const bool is_success = code.front() == '2';
    // A chunk of BDAT has no 354 before it; servers say what became of the last one.
    const bool is_taken = is_success && (has_message_ || holds(text, "queued as") ||
                                         holds(text, " id=") || holds(text, "message accepted"));
    has_message_ = false;
    if (is_taken) ++accepted_;
    if (code == "550" && is_unknown_recipient(text)) ++unknown_;
}

bool reply_watch::is_unknown_recipient(std::string_view text) const noexcept
{
    const bool has_enhanced = text.size() > 4 && text[0] == '5' && text[1] == '.';
    if (has_enhanced) return text.starts_with("5.1.1 ");
    constexpr std::array<std::string_view, 7> words{
        "unknown user",      "user unknown",   "unrouteable",      "no such user",
        "unknown recipient", "does not exist", "invalid recipient"};
    return std::ranges::any_of(words, [&](std::string_view w) { return holds(text, w); });
}

bool is_harvest(const reply_watch& seen) noexcept
{
    return seen.unknown_recipients() >= harvest_recipients && seen.accepted() == 0 &&
           !seen.is_blind();
}

} // namespace fendmail::smtp

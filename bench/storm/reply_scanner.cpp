// SPDX-License-Identifier: Apache-2.0
#include "storm/reply_scanner.hpp"

namespace fendmail::storm {

namespace {

constexpr std::size_t code_digits = 3;

} // namespace

std::optional<reply_line> reply_scanner::next(std::string_view& octets) noexcept
{
    for (std::size_t i = 0; i < octets.size(); ++i) {
        const char c = octets[i];
        if (c == '\n') {
            octets.remove_prefix(i + 1);
            const bool whole = is_reply_ && at_ >= code_digits;
            const reply_line found = whole ? line_ : reply_line{};
            *this = {};
            return found;
        }
        if (at_ < code_digits) {
            is_reply_ = is_reply_ && c >= '0' && c <= '9';
            line_.code = line_.code * 10 + (c - '0');
        } else if (at_ == code_digits) {
            line_.is_last = c != '-';
        }
        ++at_;
    }
    octets = {};
    return std::nullopt;
}

} // namespace fendmail::storm

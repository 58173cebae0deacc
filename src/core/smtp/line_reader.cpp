// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/line_reader.hpp"

#include <algorithm>

namespace fendmail::smtp {

std::optional<line> line_reader::next()
{
    if (was_returned_) forget_line();

    const std::size_t end = unread_.find('\n');
    const bool ended = end != std::string_view::npos;
    const std::string_view piece = unread_.substr(0, end);
    unread_.remove_prefix(ended ? end + 1 : unread_.size());

    const bool in_one_piece = ended && octets_ == 0;
    take(piece);
    if (!in_one_piece) keep(piece);
    if (!ended) return std::nullopt;

    was_returned_ = true;
    const std::size_t text_octets = octets_ - ends_in_cr_;
    // Nearly every line comes in one piece; then its text is a view of what the caller fed.
    const std::string_view text = in_one_piece ? piece : std::string_view{kept_};
    return line{.text = text.substr(0, std::min(text_octets, max_text_)),
                .bare_lf = !ends_in_cr_,
                .bare_cr = has_bare_cr_,
                .has_nul = has_nul_,
                .too_long = text_octets > max_text_};
}

void line_reader::take(std::string_view piece) noexcept
{
    if (piece.empty()) return;
    // The <CR> that the last piece ended in was bare: this piece does not start with its <LF>.
    if (ends_in_cr_ || piece.find('\r') < piece.size() - 1) has_bare_cr_ = true;
    if (piece.find('\0') != std::string_view::npos) has_nul_ = true;
    ends_in_cr_ = piece.back() == '\r';
    octets_ += piece.size();
}

void line_reader::keep(std::string_view piece)
{
    kept_.append(piece.substr(0, max_text_ - kept_.size()));
}

void line_reader::forget_line() noexcept
{
    kept_.clear();
    octets_ = 0;
    ends_in_cr_ = false;
    has_bare_cr_ = false;
    has_nul_ = false;
    was_returned_ = false;
}

} // namespace fendmail::smtp

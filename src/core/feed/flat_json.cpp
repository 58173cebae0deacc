// SPDX-License-Identifier: Apache-2.0
#include "flat_json.hpp"

#include <algorithm>

namespace fendmail::feed {

namespace {

constexpr std::string_view blanks = " \t\r\n";

} // namespace

flat_json_reader::flat_json_reader(std::string_view line) noexcept
    : left_{line}
{
    if (!take('{')) state_ = state::wrong;
}

void flat_json_reader::skip_blanks() noexcept
{
    left_.remove_prefix(std::min(left_.find_first_not_of(blanks), left_.size()));
}

bool flat_json_reader::take(char c) noexcept
{
    skip_blanks();
    if (!left_.starts_with(c)) return false;
    left_.remove_prefix(1);
    return true;
}

std::optional<std::string_view> flat_json_reader::take_text() noexcept
{
    if (!take('"')) return std::nullopt;
    for (std::size_t at = 0; at < left_.size(); ++at) {
        if (left_[at] == '\\') {
            ++at;
            continue;
        }
        if (left_[at] != '"') continue;
        const auto text = left_.substr(0, at);
        left_.remove_prefix(at + 1);
        return text;
    }
    return std::nullopt;
}

std::optional<json_member> flat_json_reader::fail() noexcept
{
    state_ = state::wrong;
    return std::nullopt;
}

void flat_json_reader::end() noexcept
{
    skip_blanks();
    state_ = left_.empty() ? state::ended : state::wrong;
}

std::optional<json_member> flat_json_reader::next() noexcept
{
    if (state_ == state::ended || state_ == state::wrong) return std::nullopt;
    if (take('}')) {
        end();
        return std::nullopt;
    }
    if (state_ == state::more && !take(',')) return fail();
    state_ = state::more;
    const auto name = take_text();
    if (!name || !take(':')) return fail();
    json_member member{*name, {}, false};
    skip_blanks();
    if (left_.starts_with('"')) {
        const auto text = take_text();
        if (!text) return fail();
        member.value = *text;
        member.is_text = true;
        return member;
    }
    const auto length = left_.find_first_of(",}{[\" \t\r\n");
    if (length == std::string_view::npos || length == 0) return fail();
    member.value = left_.substr(0, length);
    left_.remove_prefix(length);
    return member;
}

} // namespace fendmail::feed

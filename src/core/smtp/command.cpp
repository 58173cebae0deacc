// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/command.hpp"

#include "fendmail/core/text/ascii.hpp"

#include <algorithm>
#include <span>

namespace fendmail::smtp {

namespace {

constexpr bool is_in_order() noexcept
{
    for (std::size_t i = 0; i < verb_table.size(); ++i)
        if (verb_table[i].verb != static_cast<verb>(i)) return false;
    return true;
}
static_assert(is_in_order(), "row_of() takes the verb for the index");

std::string_view without_leading_spaces(std::string_view text) noexcept
{
    return text.substr(std::min(text.find_first_not_of(' '), text.size()));
}

} // namespace

command parse_command(std::string_view line) noexcept
{
    const std::string_view text = without_leading_spaces(line.substr(0, line.find('\0')));
    const std::string_view token = first_word(text);
    command out{.token = token, .argument = without_leading_spaces(text.substr(token.size()))};

    const auto known = std::span{verb_table}.subspan(1);
    const auto found = std::ranges::find_if(
        known, [&](const verb_row& row) { return equals_ignoring_case(row.name, token); });
    if (found == known.end()) return out;
    out.verb = found->verb;
    out.verb_text = found->name;
    return out;
}

std::string_view first_word(std::string_view text) noexcept
{
    text = without_leading_spaces(text);
    return text.substr(0, text.find(' '));
}

} // namespace fendmail::smtp

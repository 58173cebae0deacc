// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/extensions.hpp"

#include "fendmail/core/text/ascii.hpp"

#include <algorithm>

namespace fendmail::smtp {

namespace {

std::vector<std::string> words_of(std::string_view text)
{
    static constexpr std::string_view blanks = " \t";
    std::vector<std::string> words;
    for (;;) {
        text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
        if (text.empty()) return words;
        const std::size_t end = std::min(text.find_first_of(blanks), text.size());
        words.emplace_back(text.substr(0, end));
        text.remove_prefix(end);
    }
}

} // namespace

extensions::extensions(const reply& ehlo)
{
    for (std::size_t i = 1; i < ehlo.lines.size(); ++i) {
        std::vector<std::string> words = words_of(ehlo.lines[i]);
        if (words.empty()) continue;
        extension found{.keyword = to_upper(words.front()), .parameters = {}};
        found.parameters.assign(words.begin() + 1, words.end());
        all_.push_back(std::move(found));
    }
}

const extension* extensions::find(std::string_view keyword) const noexcept
{
    const auto found = std::ranges::find_if(
        all_, [&](const extension& e) { return equals_ignoring_case(e.keyword, keyword); });
    return found == all_.end() ? nullptr : &*found;
}

bool extensions::has(std::string_view keyword) const noexcept
{
    return find(keyword) != nullptr;
}

bool extensions::has(std::string_view keyword, std::string_view parameter) const noexcept
{
    return std::ranges::any_of(parameters(keyword), [&](const std::string& p) {
        return equals_ignoring_case(p, parameter);
    });
}

std::span<const std::string> extensions::parameters(std::string_view keyword) const noexcept
{
    const extension* found = find(keyword);
    if (found == nullptr) return {};
    return found->parameters;
}

} // namespace fendmail::smtp

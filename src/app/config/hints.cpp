// SPDX-License-Identifier: Apache-2.0
#include "hints.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <string_view>

// What may be meant, but is mostly a mistake that is not noticed.
namespace fendmail::app {

namespace {

/// The first "$name" or "$(name)" of a text, as main.cf has them, whose names are in lower case; ""
/// for none.
std::string_view macro_in(std::string_view text)
{
    const auto is_name = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    };
    for (std::size_t at = text.find('$'); at < text.size(); at = text.find('$', at + 1)) {
        const std::string_view rest = text.substr(at + 1);
        const bool is_in_brackets = rest.starts_with('(') || rest.starts_with('{');
        const std::string_view name = rest.substr(is_in_brackets ? 1 : 0);
        const auto size =
            static_cast<std::size_t>(std::ranges::find_if_not(name, is_name) - name.begin());
        if (size > 0 && name.front() >= 'a')
            return text.substr(at, 1 + size + (is_in_brackets ? 2 : 0));
        if (rest.starts_with('$')) ++at; // main.cf's way to write one
    }
    return {};
}

} // namespace

void warn_of_postfix_macros(const settings& from, problem_list& problems)
{
    for (const key& k : all_keys()) {
        if (k.has_dollars) continue;
        const auto look_at = [&](const text_item& item) {
            if (const auto macro = macro_in(item.text); !macro.empty() && item.where.line != 0)
                problems.warning(
                    item.where,
                    fmt::format("{}.{}: {} is Postfix's way to name a value and is not replaced "
                                "here; write the value itself (found {})",
                                k.section, k.name, macro, in_quotes(item.written)));
        };
        const setting& value = from.get(k.section, k.name);
        std::ranges::for_each(value.texts, look_at);
        for (const auto& [left, right] : value.pairs) {
            look_at(left);
            look_at(right);
        }
    }
}

} // namespace fendmail::app

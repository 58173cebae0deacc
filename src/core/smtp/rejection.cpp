// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/rejection.hpp"

#include "fendmail/core/limits.hpp"
#include "fendmail/core/text/ascii.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <fmt/format.h>
#include <optional>
#include <utility>

namespace fendmail::smtp {

namespace {

enum class name : std::uint8_t { client, session, zone, zones, txt };

constexpr std::array names{
    std::pair{std::string_view{"client"}, name::client},
    std::pair{std::string_view{"session"}, name::session},
    std::pair{std::string_view{"zone"}, name::zone},
    std::pair{std::string_view{"zones"}, name::zones},
    std::pair{std::string_view{"txt"}, name::txt},
};

std::optional<name> name_of(std::string_view word) noexcept
{
    const auto found = std::ranges::find(names, word, &std::pair<std::string_view, name>::first);
    if (found == names.end()) return std::nullopt;
    return found->second;
}

/// A text up to a name in braces, and that name.
struct piece {
    std::string_view before;
    std::string_view word;
    std::string_view rest;
};

/// Nothing where no brace opens, or where it is never closed.
std::optional<piece> next_piece(std::string_view text) noexcept
{
    const auto open = text.find('{');
    if (open == std::string_view::npos) return std::nullopt;
    const auto close = text.find('}', open);
    if (close == std::string_view::npos) return std::nullopt;
    return piece{text.substr(0, open), text.substr(open + 1, close - open - 1),
                 text.substr(close + 1)};
}

/// "5.7.1" at the start, of whatever class; "" when there is none.
std::string_view leading_code(std::string_view text) noexcept
{
    const auto end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    std::size_t dots = 0;
    std::size_t digits = 0;
    for (const char c : word) {
        if (is_digit(c)) {
            if (++digits > (dots == 0 ? 1U : 3U)) return {};
        } else if (c == '.' && digits != 0 && dots < 2) {
            ++dots;
            digits = 0;
        } else {
            return {};
        }
    }
    return dots == 2 && digits != 0 ? word : std::string_view{};
}

/// As many of them, in their order, as have room.
std::string joined(const std::vector<std::string_view>& words, std::size_t room)
{
    std::string out;
    for (const std::string_view word : words) {
        const std::size_t more = word.size() + (out.empty() ? 0 : 2);
        if (out.size() + more > room) break;
        if (!out.empty()) out += ", ";
        out += word;
    }
    return out;
}

void take_along(std::string& before)
{
    while (!before.empty() && !is_digit(before.back()) && !is_letter(before.back()) &&
           before.back() != ']' && before.back() != ')')
        before.pop_back();
}

class expansion {
public:
    expansion(const rejection& what, std::size_t room, const rejection_values& values)
        : what_{what}
        , values_{values}
    {
        measure(room);
    }

    [[nodiscard]] std::string text() const
    {
        std::string out;
        std::string_view rest = what_.text;
        while (const auto found = next_piece(rest)) {
            out += found->before;
            const auto value = of(*name_of(found->word));
            if (value.empty()) take_along(out);
            out += value;
            rest = found->rest;
        }
        out += rest;
        return out;
    }

private:
    /// Shares the room out: what is fixed comes first, then the names in the order in which they
    /// matter to a sender who complains.
    void measure(std::size_t room)
    {
        std::array<std::size_t, names.size()> times{};
        std::string_view rest = what_.text;
        const auto spend = [&room](std::size_t octets) { room -= std::min(room, octets); };
        while (const auto found = next_piece(rest)) {
            spend(found->before.size());
            ++times[static_cast<std::size_t>(*name_of(found->word))];
            rest = found->rest;
        }
        spend(rest.size());
        const auto fit = [&](name which, const auto& cut) {
            const auto count = times[static_cast<std::size_t>(which)];
            if (count == 0) return std::string{};
            auto value = cut(room / count);
            spend(count * value.size());
            return value;
        };
        const auto start_of = [](std::string_view value) {
            return [value](std::size_t octets) { return std::string{value.substr(0, octets)}; };
        };
        session_ = fit(name::session, start_of(values_.session));
        client_ = fit(name::client, start_of(values_.client));
        zone_ = fit(name::zone, start_of(values_.zone));
        zones_ =
            fit(name::zones, [this](std::size_t octets) { return joined(values_.zones, octets); });
        txt_ = fit(name::txt, start_of(values_.txt));
    }

    [[nodiscard]] std::string_view of(name which) const noexcept
    {
        switch (which) {
        case name::client: return client_;
        case name::session: return session_;
        case name::zone: return zone_;
        case name::zones: return zones_;
        case name::txt: return txt_;
        }
        return {};
    }

    const rejection& what_;
    const rejection_values& values_;
    std::string client_;
    std::string session_;
    std::string zone_;
    std::string zones_;
    std::string txt_;
};

} // namespace

bool rejection::names_txt() const noexcept
{
    return text.find("{txt}") != std::string::npos;
}

parsed_rejection parse_rejection(std::string_view text)
{
    parsed_rejection out;
    if (text.size() > rejection_octets_max) {
        out.trouble = fmt::format("at most {} octets", rejection_octets_max);
        return out;
    }
    std::string_view rest = text;
    while (const auto found = next_piece(rest)) {
        const bool is_odd = found->before.find('}') != std::string_view::npos;
        if (is_odd || !name_of(found->word)) {
            out.trouble = fmt::format("{{{}}} stands for nothing; there are {}", found->word,
                                      rejection_names);
            return out;
        }
        rest = found->rest;
    }
    if (rest.find_first_of("{}") != std::string_view::npos) {
        out.trouble =
            fmt::format("a brace that opens or closes no name; there are {}", rejection_names);
        return out;
    }
    const auto code = leading_code(text);
    if (!code.empty() && !code.starts_with('5')) {
        out.trouble = "the enhanced status code of a refusal begins with 5, as \"5.7.1\" does";
        return out;
    }
    out.value.enhanced = code;
    text.remove_prefix(code.size());
    out.value.text = text.substr(std::min(text.find_first_not_of(' '), text.size()));
    if (out.value.text.empty() && !code.empty())
        out.trouble = "a text has to follow the enhanced status code";
    return out;
}

std::string expand_rejection(const rejection& what, std::size_t enhanced_octets,
                             const rejection_values& values)
{
    // The code and its mark, the enhanced code and a blank, <CRLF>.
    const std::size_t around = 3 + 1 + enhanced_octets + 1 + 2;
    const std::size_t room = limits::reply_line_octets - around;
    auto text = expansion{what, room, values}.text();
    if (text.size() > room) text.resize(room);
    return text;
}

std::string clean_reason(std::string_view text, std::size_t octets_max)
{
    std::string out;
    bool is_apart = false;
    for (const char c : text) {
        if (out.size() == octets_max) break;
        if (c <= ' ' || c > '~') {
            is_apart = !out.empty();
            continue;
        }
        if (std::exchange(is_apart, false)) {
            if (out.size() + 1 == octets_max) break;
            out += ' ';
        }
        out += c;
    }
    return out;
}

} // namespace fendmail::smtp

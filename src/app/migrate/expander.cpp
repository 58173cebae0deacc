// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/migrate/expander.hpp"

#include "fendmail/app/migrate/logical_lines.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>

namespace fendmail::app::postscreen {

namespace {

bool is_number(std::string_view text)
{
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view without_leading_blanks(std::string_view text)
{
    return text.substr(std::min(text.find_first_not_of(blanks), text.size()));
}

/// Numbers of any length, without leading zeros in the way.
int compare_numbers(std::string_view left, std::string_view right)
{
    const auto significant = [](std::string_view digits) {
        return digits.substr(std::min(digits.find_first_not_of('0'), digits.size()));
    };
    left = significant(left);
    right = significant(right);
    if (left.size() != right.size()) return left.size() < right.size() ? -1 : 1;
    return left.compare(right);
}

std::optional<bool> apply(std::string_view op, int order)
{
    if (op == "==") return order == 0;
    if (op == "!=") return order != 0;
    if (op == "<") return order < 0;
    if (op == "<=") return order <= 0;
    if (op == ">=") return order >= 0;
    if (op == ">") return order > 0;
    return std::nullopt;
}

/// Expands one text; its members say what went wrong.
class expander {
public:
    explicit expander(const raw_lookup& lookup)
        : lookup_{lookup}
    {
    }

    /// Appends the expanded text to `out`. @return false when something is wrong
    bool append(std::string_view text, std::string& out, unsigned depth)
    {
        if (depth > expansion_depth_max || ++steps_ > expansion_steps_max)
            return fail("values refer to each other without end");
        while (!text.empty()) {
            const std::size_t dollar = text.find('$');
            out += text.substr(0, dollar);
            if (out.size() > expansion_octets_max) return fail("the expanded value is too long");
            if (dollar == std::string_view::npos) return true;
            text.remove_prefix(dollar + 1);
            if (text.starts_with('$')) {
                out += '$';
                text.remove_prefix(1);
                continue;
            }
            const auto inside = take_reference(text);
            if (!inside) return false;
            if (!append_reference(*inside, out, depth)) return false;
        }
        return true;
    }

    [[nodiscard]] std::string error() && { return std::move(error_); }
    [[nodiscard]] std::vector<std::string> undefined() && { return std::move(undefined_); }

private:
    bool fail(std::string text)
    {
        if (error_.empty()) error_ = std::move(text);
        return false;
    }

    /// Takes "name", "{…}" or "(…)" off the front of what follows a "$".
    std::optional<std::string_view> take_reference(std::string_view& text)
    {
        const char open = text.empty() ? '\0' : text.front();
        if (open != '{' && open != '(') {
            const auto end = std::ranges::find_if_not(text, is_word_character);
            const std::string_view name{text.begin(), end};
            if (name.empty()) fail("\"$\" without a name behind it");
            text.remove_prefix(name.size());
            return name.empty() ? std::nullopt : std::optional{name};
        }
        const char close = open == '{' ? '}' : ')';
        std::size_t depth = 0;
        for (std::size_t i = 0; i < text.size(); ++i) {
            if (text[i] == open) ++depth;
            if (text[i] == close) --depth;
            if (depth > 0) continue;
            const auto inside = text.substr(1, i - 1);
            if (inside.empty()) break;
            text.remove_prefix(i + 1);
            return inside;
        }
        fail(fmt::format("\"${}\" without its \"{}\", or with nothing inside", open, close));
        return std::nullopt;
    }

    /// Takes "{…}" and the blanks around it off the front.
    std::optional<std::string_view> take_operand(std::string_view& text)
    {
        std::string_view rest = without_leading_blanks(text);
        if (!rest.starts_with('{')) return std::nullopt;
        std::size_t depth = 0;
        for (std::size_t i = 0; i < rest.size(); ++i) {
            if (rest[i] == '{') ++depth;
            if (rest[i] == '}') --depth;
            if (depth > 0) continue;
            text = without_leading_blanks(rest.substr(i + 1));
            return rest.substr(1, i - 1);
        }
        return std::nullopt;
    }

    bool append_reference(std::string_view inside, std::string& out, unsigned depth)
    {
        std::string_view rest = without_leading_blanks(inside);
        if (rest.starts_with('{')) {
            const auto truth = compare(rest, depth);
            if (!truth) return false;
            if (rest.empty()) {
                out += *truth ? "true" : "";
                return true;
            }
            return append_choice(*truth, rest, out, depth);
        }
        const auto end = std::ranges::find_if_not(rest, is_word_character);
        const std::string name{rest.begin(), end};
        rest = without_leading_blanks({end, inside.end()});
        const auto value = lookup_(name);
        if (rest.empty() && value) return append(*value, out, depth + 1);
        if (rest.empty()) {
            if (std::ranges::find(undefined_, name) == undefined_.end()) undefined_.push_back(name);
            return true;
        }
        if (rest.front() != '?' && rest.front() != ':')
            return fail(
                fmt::format("\"{}\" behind a name; write \"?\", \":\" or \"}}\"", rest.front()));
        return append_choice(value && !value->empty(), rest, out, depth);
    }

    /// "?text", ":text", "?{a}:{b}".
    bool append_choice(bool truth, std::string_view rest, std::string& out, unsigned depth)
    {
        if (rest.starts_with('?')) {
            rest.remove_prefix(1);
            auto chosen = take_operand(rest);
            if (!chosen) {
                chosen = rest; // the old form: all that is left
                rest = {};
            }
            if (truth && !append(*chosen, out, depth + 1)) return false;
            if (rest.empty()) return true;
        }
        if (!rest.starts_with(':')) return fail("\":\" is missing between two {texts}");
        rest.remove_prefix(1);
        auto chosen = take_operand(rest);
        if (!chosen) {
            chosen = rest;
            rest = {};
        }
        if (!rest.empty()) return fail("there is text behind the last {text}");
        return truth || append(*chosen, out, depth + 1);
    }

    /// Takes "{left} op {right}" off the front.
    std::optional<bool> compare(std::string_view& text, unsigned depth)
    {
        const auto left = take_operand(text);
        const auto op_end = std::ranges::find_if(text, [](char c) {
            return std::string_view("<>=!").find(c) == std::string_view::npos;
        });
        const std::string_view op{text.begin(), op_end};
        text.remove_prefix(op.size());
        const auto suffix_end = std::ranges::find_if_not(text, is_word_character);
        const std::string_view suffix{text.begin(), suffix_end};
        text.remove_prefix(suffix.size());
        const auto right = take_operand(text);
        if (!left || !right || !apply(op, 0) || (!suffix.empty() && suffix != "level")) {
            fail("not a comparison; write {left} == {right}, or != < <= >= >");
            return std::nullopt;
        }
        std::string left_value, right_value;
        if (!append(*left, left_value, depth + 1) || !append(*right, right_value, depth + 1))
            return std::nullopt;
        const int order = order_of(left_value, right_value, !suffix.empty());
        return error_.empty() ? apply(op, order) : std::nullopt;
    }

    int order_of(std::string_view left, std::string_view right, bool as_levels)
    {
        if (as_levels) {
            const auto order = compare_levels(left, right);
            if (!order) fail("not a compatibility level");
            return order.value_or(0);
        }
        if (is_number(left) && is_number(right)) return compare_numbers(left, right);
        return left.compare(right);
    }

    const raw_lookup& lookup_;
    std::size_t steps_ = 0;
    std::string error_;
    std::vector<std::string> undefined_;
};

using level = std::array<unsigned, 3>;

std::optional<level> parse_level(std::string_view text)
{
    level out{};
    for (std::size_t i = 0; i < out.size(); ++i) {
        const auto* const last = text.data() + text.size();
        const auto [end, failure] = std::from_chars(text.data(), last, out[i]);
        if (failure != std::errc{}) return std::nullopt;
        if (end == last) return out;
        if (*end != '.') return std::nullopt;
        text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
    }
    return std::nullopt;
}

} // namespace

expansion expand(std::string_view text, const raw_lookup& lookup)
{
    expansion out;
    expander one{lookup};
    if (!one.append(text, out.text, 0)) return {{}, std::move(one).error()};
    out.undefined = std::move(one).undefined();
    return out;
}

std::optional<int> compare_levels(std::string_view left, std::string_view right)
{
    const auto a = parse_level(left);
    const auto b = parse_level(right);
    if (!a || !b) return std::nullopt;
    return *a < *b ? -1 : *a > *b ? 1 : 0;
}

} // namespace fendmail::app::postscreen

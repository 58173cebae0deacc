// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/migrate/pattern_table.hpp"

#include <algorithm>
#include <array>
#include <regex.h>

namespace fendmail::app::postscreen {

namespace {

constexpr std::size_t groups_max = 10; // the whole and $1 to $9

/// "!/pattern/flags result", not compiled.
struct written_rule {
    bool negated = false;
    std::string pattern;
    std::string flags;
    std::string result;
};

std::optional<written_rule> split_rule(std::string_view text)
{
    written_rule out;
    text = trim(text);
    for (; text.starts_with('!'); text = trim(text.substr(1)))
        out.negated = !out.negated;
    if (text.empty()) return std::nullopt;
    const char delimiter = text.front();
    std::size_t end = 1;
    while (end < text.size() && text[end] != delimiter)
        end += text[end] == '\\' ? 2 : 1;
    if (end >= text.size()) return std::nullopt;
    out.pattern = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    const std::size_t blank = std::min(text.find_first_of(blanks), text.size());
    out.flags = text.substr(0, blank);
    out.result = trim(text.substr(blank));
    return out;
}

bool is_keyword(std::string_view text, std::string_view lower_word)
{
    return to_lower(text.substr(0, lower_word.size())) == lower_word &&
           (text.size() == lower_word.size() || !is_word_character(text[lower_word.size()]));
}

/// What POSIX would read in another way, or not at all.
bool is_pcre_only(std::string_view pattern)
{
    constexpr std::array<std::string_view, 16> marks{"(?",  "*?",  "+?",  "??",  "\\d", "\\D",
                                                     "\\s", "\\S", "\\A", "\\z", "\\Z", "\\Q",
                                                     "\\x", "\\h", "*+",  "++"};
    return std::ranges::any_of(
        marks, [&](std::string_view mark) { return pattern.find(mark) != pattern.npos; });
}

/// Replaces $1, ${1}, $(1) by what the groups matched, and $$ by "$".
std::string substituted(std::string_view result, const std::string& key,
                        const std::array<regmatch_t, groups_max>& groups)
{
    std::string out;
    while (!result.empty()) {
        const std::size_t dollar = result.find('$');
        out += result.substr(0, dollar);
        if (dollar == std::string_view::npos) break;
        result.remove_prefix(dollar + 1);
        if (result.starts_with('$')) {
            out += '$';
            result.remove_prefix(1);
            continue;
        }
        const bool in_brackets = result.starts_with('{') || result.starts_with('(');
        if (in_brackets) result.remove_prefix(1);
        if (result.empty() || result.front() < '1' || result.front() > '9') continue;
        const regmatch_t& group = groups[static_cast<std::size_t>(result.front() - '0')];
        result.remove_prefix(std::min<std::size_t>(in_brackets ? 2 : 1, result.size()));
        if (group.rm_so >= 0)
            out += key.substr(static_cast<std::size_t>(group.rm_so),
                              static_cast<std::size_t>(group.rm_eo - group.rm_so));
    }
    return out;
}

} // namespace

struct pattern_table::rule {
    enum class kind : std::uint8_t { match, open, close };
    kind what = kind::match;
    bool negated = false;
    regex_t compiled{};
    bool is_compiled = false;
    std::string result;

    rule() = default;
    rule(const rule&) = delete;
    rule& operator=(const rule&) = delete;
    ~rule()
    {
        if (is_compiled) ::regfree(&compiled);
    }
    [[nodiscard]] bool matches(const std::string& key,
                               std::array<regmatch_t, groups_max>& groups) const
    {
        const int code = ::regexec(&compiled, key.c_str(), groups.size(), groups.data(), 0);
        return (code == 0) != negated;
    }
};

pattern_table::pattern_table(const table_name& table, const std::vector<logical_line>& lines,
                             remark_sink& remarks)
{
    for (const logical_line& line : lines)
        add(trim(line.text), line.number, table.type == "pcre", remarks);
}

pattern_table::~pattern_table() = default;

void pattern_table::add(std::string_view text, unsigned line, bool is_pcre, remark_sink& remarks)
{
    auto made = std::make_unique<rule>();
    if (is_keyword(text, "endif")) {
        made->what = rule::kind::close;
        rules_.push_back(std::move(made));
        return;
    }
    if (is_keyword(text, "if")) {
        made->what = rule::kind::open;
        text.remove_prefix(2);
    }
    auto parts = split_rule(text);
    if (!parts || parts->flags.find_first_not_of("imx") != std::string::npos ||
        (is_pcre && (is_pcre_only(parts->pattern) || parts->flags.find('x') != std::string::npos)))
        return remarks.add(line, "a pattern that cannot be tried here: left out");
    int flags = REG_EXTENDED | REG_ICASE;
    for (const char flag : parts->flags)
        flags ^= flag == 'i' ? REG_ICASE : flag == 'm' ? REG_NEWLINE : REG_EXTENDED;
    if (::regcomp(&made->compiled, parts->pattern.c_str(), flags) != 0)
        return remarks.add(line, "a pattern that is no regular expression: left out");
    made->is_compiled = true;
    made->negated = parts->negated;
    made->result = std::move(parts->result);
    rules_.push_back(std::move(made));
}

std::optional<std::string> pattern_table::find(const std::string& key) const
{
    std::array<regmatch_t, groups_max> groups{};
    std::size_t skipping = 0; // blocks that are open, counted from the one that did not match
    for (const auto& one : rules_) {
        if (skipping > 0) {
            if (one->what == rule::kind::open) ++skipping;
            if (one->what == rule::kind::close) --skipping;
            continue;
        }
        if (one->what == rule::kind::close) continue;
        const bool matched = one->matches(key, groups);
        if (one->what == rule::kind::open && !matched) skipping = 1;
        if (one->what == rule::kind::match && matched)
            return one->negated ? one->result : substituted(one->result, key, groups);
    }
    return std::nullopt;
}

std::vector<plain_pattern> plain_patterns(const std::vector<logical_line>& lines,
                                          remark_sink& remarks)
{
    std::vector<plain_pattern> out;
    for (const logical_line& line : lines) {
        const std::string_view text = trim(line.text);
        const auto parts = split_rule(text);
        if (!parts || parts->negated || !parts->flags.empty() || is_keyword(text, "if") ||
            is_keyword(text, "endif"))
            remarks.add(line.number, "only \"/pattern/ result\" can be translated: left out");
        else
            out.push_back({parts->pattern, line.number});
    }
    return out;
}

} // namespace fendmail::app::postscreen

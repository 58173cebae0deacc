// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/migrate/draft.hpp"

#include "fendmail/app/config/keys.hpp"
#include "fendmail/core/assert.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace fendmail::app::postscreen {

namespace {

constexpr std::size_t comment_columns = 96;

/// Appends `text` as comment lines; what follows the first is indented below it.
void append_comment(std::string& out, const comment& what)
{
    std::string rest = (what.is_urgent ? "ATTENTION: " : "") + what.text;
    std::string line = "#";
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find(' '), rest.size());
        if (line.size() > 1 && line.size() + 1 + end > comment_columns) {
            out += line + "\n";
            line = "#  ";
        }
        line += " " + rest.substr(0, end);
        rest.erase(0, std::min(end + 1, rest.size()));
    }
    out += line + "\n";
}

/// Texts from main.cf may hold anything.
std::string printable(std::string_view text)
{
    std::string out;
    for (const char c : text)
        out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
    return out;
}

} // namespace

draft::entry* draft::find(std::string_view section, std::string_view name)
{
    const auto found = std::ranges::find_if(
        entries_, [&](const entry& e) { return e.section == section && e.name == name; });
    return found == entries_.end() ? nullptr : &*found;
}

void draft::put(std::string_view section, std::string_view name, std::string toml,
                std::vector<comment> comments)
{
    for (comment& c : comments)
        c.text = printable(c.text);
    FENDMAIL_ASSERT(find_key(section, name) != nullptr);
    entry made{std::string(section), std::string(name), std::move(toml), std::move(comments)};
    if (entry* there = find(section, name))
        *there = std::move(made);
    else
        entries_.push_back(std::move(made));
}

void draft::add_table(std::string_view section, std::string_view name,
                      std::vector<std::pair<std::string, std::string>> keys,
                      std::vector<comment> comments)
{
    for (comment& c : comments)
        c.text = printable(c.text);
    tables_.push_back(
        {std::string(section), std::string(name), std::move(keys), std::move(comments)});
}

void draft::append_tables(std::string& out, std::string_view section) const
{
    for (const table& t : tables_) {
        if (t.section != section) continue;
        out += "\n";
        for (const comment& c : t.comments)
            append_comment(out, c);
        out += fmt::format("[[{}.{}]]\n", t.section, t.name);
        for (const auto& [key_name, toml] : t.keys)
            out += fmt::format("{} = {}\n", key_name, toml);
    }
}

void draft::add_comment(std::string_view section, std::string_view name, comment what)
{
    what.text = printable(what.text);
    entry* there = find(section, name);
    if (there == nullptr) there = find(section, "");
    if (there == nullptr) there = &entries_.emplace_back(entry{std::string(section), "", "", {}});
    there->comments.push_back(std::move(what));
}

bool draft::tells(std::string_view gist) const
{
    // "postscreen_dnsbl_sites: site 3: …" stands at the key as "site 3: …".
    constexpr std::size_t telling_octets = 30;
    const std::size_t colon = std::min(gist.find(": "), gist.size());
    const std::string_view behind = gist.substr(std::min(colon + 2, gist.size()));
    const std::string_view rest = behind.size() >= telling_octets ? behind : gist;
    const auto holds = [&](const comment& c) {
        return c.is_urgent && c.text.find(rest) != std::string::npos;
    };
    return std::ranges::any_of(leftovers_, holds) ||
           std::ranges::any_of(
               entries_, [&](const entry& e) { return std::ranges::any_of(e.comments, holds); }) ||
           std::ranges::any_of(
               tables_, [&](const table& t) { return std::ranges::any_of(t.comments, holds); });
}

void draft::add_warning(std::string text, std::string_view gist)
{
    comment made{printable(text), true};
    const bool is_there = std::ranges::any_of(
        warnings_, [&](const comment& known) { return known.text == made.text; });
    if (!is_there && !tells(printable(gist))) warnings_.push_back(std::move(made));
}

std::vector<const draft::entry*> draft::entries_of(std::string_view section) const
{
    std::vector<const entry*> out;
    for (const entry& e : entries_)
        if (e.section == section) out.push_back(&e);
    const auto rank = [&](const entry* e) {
        if (e->name.empty()) return std::size_t{0};
        const auto keys = all_keys();
        const auto at = std::ranges::find_if(
            keys, [&](const key& k) { return k.section == e->section && k.name == e->name; });
        return static_cast<std::size_t>(at - keys.begin()) + 1;
    };
    std::ranges::stable_sort(out, {}, rank);
    return out;
}

std::string draft::to_toml(const std::vector<std::string>& head) const
{
    std::string out;
    for (const std::string& line : head)
        out += line.empty() ? "#\n" : fmt::format("# {}\n", printable(line));
    std::vector<std::string_view> sections;
    for (const section& s : all_sections())
        sections.push_back(s.name);
    for (const std::string_view name : sections) {
        const auto entries = entries_of(name);
        if (entries.empty()) continue;
        out += fmt::format("\n[{}]\n", name);
        for (const entry* e : entries) {
            for (const comment& c : e->comments)
                append_comment(out, c);
            if (e->name.empty()) continue;
            out += fmt::format("{} = {}\n", e->name, e->toml);
        }
        append_tables(out, name);
    }
    const auto append_all = [&](std::string_view title, const std::vector<comment>& comments) {
        if (!comments.empty()) out += fmt::format("\n# -- {} --\n", title);
        for (const comment& c : comments)
            append_comment(out, {printable(c.text), c.is_urgent});
    };
    append_all("What has no key", leftovers_);
    append_all("What `fendmail migrate` warned of besides", warnings_);
    return out;
}

std::string toml_text(std::string_view text, bool* broken)
{
    std::string out;
    bool needs_escape = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '$' && i + 1 < text.size() && text[i + 1] == '{') {
            if (broken != nullptr) *broken = true;
            continue;
        }
        needs_escape = needs_escape || c == '"' || c == '\\';
        out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
    }
    if (!needs_escape) return fmt::format("\"{}\"", out);
    if (out.find('\'') == std::string::npos) return fmt::format("'{}'", out);
    std::string escaped;
    for (const char c : out) {
        if (c == '"' || c == '\\') escaped += '\\';
        escaped += c;
    }
    return fmt::format("\"{}\"", escaped);
}

std::string toml_list(const std::vector<std::string>& texts)
{
    constexpr std::size_t columns = 90;
    std::string one_line;
    for (const std::string& text : texts)
        one_line += (one_line.empty() ? "" : ", ") + toml_text(text);
    if (one_line.size() <= columns) return fmt::format("[{}]", one_line);
    std::string out = "[\n";
    for (const std::string& text : texts)
        out += fmt::format("    {},\n", toml_text(text));
    return out + "]";
}

std::string toml_table(const std::vector<std::pair<std::string, std::string>>& pairs)
{
    if (pairs.empty()) return "{}";
    std::string out;
    for (const auto& [name, value] : pairs)
        out += fmt::format("{}{} = {}", out.empty() ? "" : ", ", toml_text(name), toml_text(value));
    return fmt::format("{{ {} }}", out);
}

} // namespace fendmail::app::postscreen

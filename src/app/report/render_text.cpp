// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/report/report.hpp"
#include "sections.hpp"

#include <algorithm>
#include <cstddef>
#include <fmt/format.h>
#include <iterator>
#include <string_view>

namespace fendmail::app {

namespace {

constexpr std::size_t width = 76;

/// Words in lines; one that is longer than a line is cut in two.
void add_wrapped(std::string& out, std::string_view text, std::string_view first,
                 std::string_view others)
{
    std::string line{first};
    bool is_empty = true;
    const auto end_line = [&] {
        out += line;
        out += '\n';
        line = others;
        is_empty = true;
    };
    while (!text.empty()) {
        const auto end = std::min(text.find(' '), text.size());
        auto word = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!is_empty && line.size() + 1 + word.size() > width) end_line();
        while (line.size() + word.size() + (is_empty ? 0 : 1) > width) {
            const auto room = width - line.size();
            line += word.substr(0, room);
            word.remove_prefix(room);
            end_line();
        }
        if (!is_empty) line += ' ';
        line += word;
        is_empty = false;
    }
    end_line();
}

std::string fitted(const std::string& text, std::size_t columns)
{
    if (text.size() <= columns) return text;
    return columns < 3 ? text.substr(0, columns) : text.substr(0, columns - 2) + "..";
}

void add_row(std::string& out, const std::vector<report_column>& columns,
             const std::vector<std::string>& cells)
{
    std::string line = "  ";
    for (std::size_t i = 0; i < columns.size() && i < cells.size(); ++i) {
        const auto& column = columns[i];
        // A number keeps a space to what stands left of it.
        const auto text = fitted(cells[i], column.is_number ? column.width - 1 : column.width);
        const std::string room(column.width - text.size(), ' ');
        line += column.is_number ? room + text : text + room;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line;
    out += '\n';
}

void add_section(std::string& out, const report_section& one)
{
    out += '\n';
    if (!one.title.empty()) {
        for (const char c : one.title)
            out += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        out += '\n';
    }
    if (one.rows.empty() && one.lines.empty()) add_wrapped(out, one.if_empty, "  ", "  ");
    for (const auto& line : one.lines)
        add_wrapped(out, line, "  ", "    ");
    if (one.rows.empty()) return;
    std::vector<std::string> heads;
    for (const auto& column : one.columns)
        heads.push_back(column.head);
    if (std::ranges::any_of(heads, [](const std::string& head) { return !head.empty(); }))
        add_row(out, one.columns, heads);
    for (const auto& row : one.rows)
        add_row(out, one.columns, row);
    if (!one.note.empty()) add_wrapped(out, "(" + one.note + ")", "  ", "  ");
}

} // namespace

std::string with_commas(std::uint64_t count)
{
    auto text = fmt::format("{}", count);
    for (auto at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
        text.insert(static_cast<std::size_t>(at), 1, ',');
    return text;
}

std::string subject_of(const report& about)
{
    auto text = fmt::format("fendmail {}: {} session{}, {} turned away", about.host,
                            with_commas(about.now.sessions()), about.now.sessions() == 1 ? "" : "s",
                            with_commas(about.now.refused()));
    const auto troubles = about.troubles.size() + about.incidents.size() +
                          (about.live ? about.live->troubles.size() : 0);
    if (troubles != 0)
        fmt::format_to(std::back_inserter(text), ", {} trouble{}", troubles,
                       troubles == 1 ? "" : "s");
    return text;
}

std::string to_text(const report& about, const time_zone& zone)
{
    std::string out;
    add_wrapped(out, subject_of(about), "", "  ");
    out += period_text(about, zone) + "\n";
    for (const auto& one : sections_of(about, zone))
        add_section(out, one);
    return out;
}

} // namespace fendmail::app

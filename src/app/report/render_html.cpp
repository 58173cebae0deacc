// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/report/report.hpp"
#include "sections.hpp"

#include <algorithm>
#include <cstdint>
#include <fmt/format.h>
#include <iterator>
#include <string_view>

namespace fendmail::app {

namespace {

constexpr std::string_view head = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 62em; margin: 1.5em auto; padding: 0 1em; }
h1 { font-size: 1.3em; margin-bottom: 0; }
h2 { font-size: 1.05em; margin: 1.6em 0 .3em; }
div.table { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { padding: .15em .7em .15em 0; text-align: left; white-space: pre; }
th { border-bottom: 1px solid #8888; font-weight: 600; }
.n { text-align: right; font-variant-numeric: tabular-nums; }
.note { color: #777; font-size: .87em; }
.alarm li { color: #b3261e; }
.in, .out { display: inline-block; height: .7em; }
.in { background: #2e7d32; }
.out { background: #c62828; }
@media (prefers-color-scheme: dark) { .alarm li { color: #f2b8b5; } }
</style>
</head>
<body>
)";

std::string escaped(std::string_view text)
{
    std::string out;
    for (const char c : text)
        switch (c) {
        case '&': out += "&amp;"; break;
        case '<': out += "&lt;"; break;
        case '>': out += "&gt;"; break;
        case '"': out += "&quot;"; break;
        case '\'': out += "&#39;"; break;
        default: out += c;
        }
    return out;
}

std::string cell(const char* name, const report_column& of, std::string_view text)
{
    return fmt::format("<{0}{1}{2}>{3}</{0}>", name, of.is_number ? " class=\"n\"" : "",
                       name[1] == 'h' ? " scope=\"col\"" : "", escaped(text));
}

/// As long as its row is great beside the greatest one.
std::string bar(std::uint64_t in, std::uint64_t out, std::uint64_t greatest)
{
    constexpr std::uint64_t longest_px = 160;
    const auto px = [greatest](std::uint64_t count) {
        return greatest == 0 ? 0 : count * longest_px / greatest;
    };
    return fmt::format("<td><span class=\"in\" style=\"width:{}px\"></span>"
                       "<span class=\"out\" style=\"width:{}px\"></span></td>",
                       px(in), px(out));
}

void add_table(std::string& out, const report_section& one)
{
    std::uint64_t greatest = 0;
    for (const auto& [in, away] : one.bars)
        greatest = std::max(greatest, in + away);
    out += "<div class=\"table\"><table>\n<tr>";
    for (const auto& column : one.columns)
        out += cell("th", column, column.head);
    if (!one.bars.empty()) out += "<th scope=\"col\">let in, and not</th>";
    out += "</tr>\n";
    for (std::size_t i = 0; i < one.rows.size(); ++i) {
        out += "<tr>";
        for (std::size_t c = 0; c < one.columns.size() && c < one.rows[i].size(); ++c)
            out += cell("td", one.columns[c], one.rows[i][c]);
        if (!one.bars.empty()) out += bar(one.bars[i].first, one.bars[i].second, greatest);
        out += "</tr>\n";
    }
    out += "</table></div>\n";
}

void add_section(std::string& out, const report_section& one)
{
    if (!one.title.empty())
        fmt::format_to(std::back_inserter(out), "<h2>{}</h2>\n", escaped(one.title));
    if (one.rows.empty() && one.lines.empty())
        fmt::format_to(std::back_inserter(out), "<p>{}</p>\n", escaped(one.if_empty));
    if (!one.lines.empty()) {
        out += one.is_alarming ? "<ul class=\"alarm\">\n" : "<ul>\n";
        for (const auto& line : one.lines)
            fmt::format_to(std::back_inserter(out), "<li>{}</li>\n", escaped(line));
        out += "</ul>\n";
    }
    if (one.rows.empty()) return;
    add_table(out, one);
    if (!one.note.empty())
        fmt::format_to(std::back_inserter(out), "<p class=\"note\">{}</p>\n", escaped(one.note));
}

} // namespace

std::string to_html(const report& about, const time_zone& zone)
{
    const auto title = escaped(subject_of(about));
    constexpr std::string_view place = "{title}";
    std::string out{head};
    out.replace(out.find(place), place.size(), title);
    fmt::format_to(std::back_inserter(out), "<h1>{}</h1>\n<p>{}</p>\n", title,
                   escaped(period_text(about, zone)));
    for (const auto& one : sections_of(about, zone))
        add_section(out, one);
    out += "</body>\n</html>\n";
    return out;
}

std::string to_mail(const report& about, const std::string& to, const std::string& text,
                    const std::string& html)
{
    auto out = fmt::format("To: {}\nSubject: {}\nAuto-Submitted: auto-generated\n"
                           "MIME-Version: 1.0\n",
                           to, subject_of(about));
    if (html.empty()) return out + "Content-Type: text/plain; charset=us-ascii\n\n" + text;
    constexpr std::string_view boundary = "=_fendmail_report_=";
    fmt::format_to(std::back_inserter(out),
                   "Content-Type: multipart/alternative; boundary=\"{0}\"\n\n"
                   "--{0}\nContent-Type: text/plain; charset=us-ascii\n\n{1}\n"
                   "--{0}\nContent-Type: text/html; charset=us-ascii\n\n{2}\n--{0}--\n",
                   boundary, text, html);
    return out;
}

} // namespace fendmail::app

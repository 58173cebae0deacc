// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/text/roff.hpp"

#include "fendmail/core/text/ascii.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace fendmail {

namespace {

constexpr std::size_t columns = 90;

/// What a character is called where it would be typeset as another one, or has a meaning.
std::string_view roff_name(char c) noexcept
{
    switch (c) {
    case '\\': return "\\e";
    case '-': return "\\-"; // else a hyphen, which cannot be copied into a shell
    case '"': return "\\(dq";
    case '\'': return "\\(aq";
    case '^': return "\\(ha";
    case '~': return "\\(ti";
    default: return {};
    }
}

/// The first line of a text, which is taken off it.
std::string_view take_line(std::string_view& text) noexcept
{
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

/// A line that would else begin like a request.
std::string guarded(std::string_view line)
{
    return fmt::format("{}{}\n", line.starts_with('.') ? "\\&" : "", line);
}

} // namespace

std::string roff_text(std::string_view text, bool is_bold)
{
    const std::string_view plain = is_bold ? "\\fB" : "\\fR";
    std::string out;
    bool in_code = false;
    bool in_strong = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '`') {
            in_code = !in_code;
            out += in_code ? "\\fB" : plain;
        } else if (!in_code && text.substr(i, 2) == "**") {
            in_strong = !in_strong;
            out += in_strong ? "\\fB" : plain;
            ++i;
        } else if (const auto name = roff_name(c); !name.empty()) {
            out += name;
        } else {
            out += c;
        }
    }
    return out;
}

roff_page::roff_page(std::string_view name, unsigned section, std::string_view source)
    : out_{".\\\" SPDX-License-Identifier: Apache-2.0\n"}
{
    request(fmt::format(R"(.TH "{}" "{}" "" "{}" "")", to_upper(name), section, source));
    // Values are long words: neither stretched lines nor hyphens in them.
    request(".ad l");
    request(".nh");
}

void roff_page::request(std::string_view line)
{
    out_ += fmt::format("{}\n", line);
    is_after_heading_ = false;
}

void roff_page::filled(std::string_view text)
{
    is_after_heading_ = false;
    std::string_view left = text;
    while (!left.empty()) {
        auto end = left.size();
        if (end > columns) {
            end = left.rfind(' ', columns);
            if (end == std::string_view::npos) end = std::min(left.find(' '), left.size());
        }
        out_ += guarded(left.substr(0, end));
        left.remove_prefix(std::min(end + 1, left.size()));
    }
}

void roff_page::heading(std::string_view text)
{
    request(fmt::format(".SH \"{}\"", roff_text(text, true)));
    is_after_heading_ = true;
}

void roff_page::subheading(std::string_view text)
{
    request(fmt::format(".SS \"{}\"", roff_text(text, true)));
    is_after_heading_ = true;
}

void roff_page::paragraph(std::string_view text)
{
    if (!is_after_heading_) request(".PP");
    filled(roff_text(text));
}

void roff_page::entry(std::string_view term, std::string_view text)
{
    request(".TP");
    request(fmt::format("\\fB{}\\fR", roff_text(term, true)));
    filled(roff_text(text));
}

void roff_page::continued(std::string_view text)
{
    request(".IP");
    filled(roff_text(text));
}

void roff_page::verbatim(std::string_view lines)
{
    request(".PP");
    request(".RS 4");
    request(".nf");
    while (!lines.empty())
        out_ += guarded(roff_text(take_line(lines)));
    request(".fi");
    request(".RE");
}

/// A paragraph, or one entry of a list.
void roff_page::block(std::string_view text)
{
    if (text.empty()) return;
    if (!text.starts_with("- ")) return paragraph(text);
    request(R"(.IP "\(bu" 2)");
    filled(roff_text(text.substr(2)));
}

void roff_page::markdown(std::string_view text)
{
    std::string gathered;
    const auto end_block = [&] {
        block(gathered);
        gathered.clear();
    };
    while (!text.empty()) {
        auto line = take_line(text);
        if (line.empty() || line.starts_with("- ")) end_block();
        line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
        if (!line.empty()) gathered += fmt::format("{}{}", gathered.empty() ? "" : " ", line);
    }
    end_block();
}

} // namespace fendmail

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/reply.hpp"

#include "fendmail/core/assert.hpp"
#include "fendmail/core/limits.hpp"
#include "fendmail/core/text/ascii.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>

namespace fendmail::smtp {

namespace {

constexpr std::size_t code_octets = 3;

bool is_control(char c) noexcept
{
    const auto octet = static_cast<unsigned char>(c);
    return (octet < 0x20 && octet != '\t') || octet == 0x7f;
}

std::string join_texts(const reply& r, std::string_view separator)
{
    return fmt::format("{}", fmt::join(r.lines, separator));
}

/// "2.1.0" at the start of a text, or "" (RFC 3463 §2: class 2, 4 or 5, then up to three digits
/// each; RFC 2034 §4: the class is the first digit of the reply code).
std::string_view leading_enhanced_code(std::string_view text, char reply_class) noexcept
{
    if (text.size() < 2 || text[0] != reply_class || text[1] != '.') return {};
    std::size_t at = 1;
    for (int part = 0; part < 2; ++part) {
        if (at >= text.size() || text[at] != '.') return {};
        const std::size_t first = ++at;
        while (at < text.size() && is_digit(text[at]))
            ++at;
        if (at == first || at - first > 3) return {};
    }
    if (at < text.size() && text[at] != ' ') return {};
    return text.substr(0, at);
}

} // namespace

reply make_reply(int code, std::string_view enhanced, std::string_view text)
{
    return {.code = code, .enhanced = std::string{enhanced}, .lines = {std::string{text}}};
}

std::string to_wire(const reply& r)
{
    FENDMAIL_ASSERT(!r.lines.empty());
    std::string out;
    for (std::size_t i = 0; i < r.lines.size(); ++i) {
        const char mark = i + 1 < r.lines.size() ? '-' : ' ';
        out += fmt::format("{:03}{}{}", r.code, mark, r.enhanced);
        if (!r.enhanced.empty() && !r.lines[i].empty()) out += ' ';
        std::ranges::replace_copy_if(r.lines[i], std::back_inserter(out), is_control, '?');
        out += "\r\n";
    }
    return out;
}

std::string to_log(const reply& r)
{
    std::string out = std::to_string(r.code);
    if (!r.enhanced.empty()) out += ' ' + r.enhanced;
    if (const std::string texts = join_texts(r, "; "); !texts.empty()) out += ' ' + texts;
    return out;
}

reply softened(reply r)
{
    if (r.is_permanent()) r.code -= 100;
    if (r.enhanced.starts_with('5')) r.enhanced.front() = '4';
    return r;
}

result<std::size_t> reply_reader::feed(std::string_view octets)
{
    std::size_t taken = 0;
    while (!complete_ && taken < octets.size()) {
        const char octet = octets[taken++];
        raw_ += octet;
        if (octet == '\n') {
            if (const auto checked = check_line(); !checked) return checked.error();
        } else if (raw_.size() - line_start_ >= limits::reply_line_octets) {
            return error::line_too_long; // no room left for the <LF>
        }
    }
    return taken;
}

/// Looks at the line that has just ended.
result<void> reply_reader::check_line()
{
    const std::string_view line = std::string_view{raw_}.substr(line_start_);
    if (line.size() < code_octets + 2 || !line.ends_with("\r\n")) return error::bad_reply;
    const std::string_view content = line.substr(0, line.size() - 2);

    const std::string_view code = content.substr(0, code_octets);
    if (code[0] < '2' || code[0] > '5' || !is_digit(code[1]) || !is_digit(code[2]))
        return error::bad_reply;
    // RFC 5321 §4.2.1: the code is the same on every line.
    if (!raw_.starts_with(code)) return error::bad_reply;
    if (std::ranges::any_of(content, is_control)) return error::bad_reply;

    // RFC 5321 §4.2: a code alone is a last line, though a server ought to send a <SP> behind it.
    const char mark = content.size() > code_octets ? content[code_octets] : ' ';
    if (mark != ' ' && mark != '-') return error::bad_reply;

    complete_ = mark == ' ';
    line_start_ = raw_.size();
    ++lines_;
    if (!complete_ && lines_ == limits::reply_lines) return error::line_too_long;
    return {};
}

reply reply_reader::get() const
{
    FENDMAIL_ASSERT(complete_);
    reply out;
    std::from_chars(raw_.data(), raw_.data() + code_octets, out.code);
    out.lines.reserve(lines_);
    for (std::size_t at = 0; at < raw_.size();) {
        const std::size_t end = raw_.find("\r\n", at);
        const std::string_view content = std::string_view{raw_}.substr(at, end - at);
        out.lines.emplace_back(content.substr(std::min(content.size(), code_octets + 1)));
        at = end + 2;
    }

    const std::string enhanced{leading_enhanced_code(out.lines.front(), raw_.front())};
    const auto starts_the_same = [&](const std::string& text) {
        return leading_enhanced_code(text, raw_.front()) == enhanced;
    };
    if (enhanced.empty() || !std::ranges::all_of(out.lines, starts_the_same)) return out;
    for (std::string& text : out.lines)
        text.erase(0, enhanced.size() + 1);
    out.enhanced = enhanced;
    return out;
}

void reply_reader::reset() noexcept
{
    raw_.clear();
    line_start_ = 0;
    lines_ = 0;
    complete_ = false;
}

} // namespace fendmail::smtp

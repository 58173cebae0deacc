// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/smtp/keyword_filter.hpp"

#include "fendmail/core/limits.hpp"
#include "fendmail/core/text/ascii.hpp"

#include <algorithm>
#include <utility>

namespace fendmail::smtp {

namespace {

constexpr std::size_t code_octets = 3;

bool may_become_reply(std::string_view line) noexcept
{
    return std::ranges::all_of(line.substr(0, code_octets),
                               [](char c) { return c >= '0' && c <= '9'; });
}

bool is_reply_line(std::string_view line) noexcept
{
    if (line.size() < code_octets || !may_become_reply(line)) return false;
    const char behind = line.size() == code_octets ? '\n' : line[code_octets];
    return behind == '-' || behind == ' ' || behind == '\r' || behind == '\n';
}

bool goes_on(std::string_view line) noexcept
{
    return line.size() > code_octets && line[code_octets] == '-';
}

} // namespace

bool keyword_filter::is_hidden(std::string_view line) const noexcept
{
    if (is_first_line_ || !line.starts_with("250") || line.size() <= code_octets + 1) return false;
    std::string_view keyword = line.substr(code_octets + 1);
    // "AUTH=PLAIN" is how some old clients want AUTH.
    keyword = keyword.substr(0, keyword.find_first_of("= \t\r\n"));
    return equals_ignoring_case(keyword, "PIPECONNECT") ||
           equals_ignoring_case(keyword, "X_PIPE_CONNECT") ||
           std::ranges::any_of(hidden_, [&](const std::string& word) {
               return equals_ignoring_case(word, keyword);
           });
}

/// Behind these replies comes no command, at once or for good.
bool keyword_filter::ends_the_commands(std::string_view line) const noexcept
{
    if (line.starts_with("220")) return true;
    return hidden_.empty() && (line.starts_with("354") || line.starts_with("334"));
}

std::string keyword_filter::on_backend(std::string_view octets)
{
    std::string out;
    out.reserve(octets.size() + held_.size() + line_.size());
    while (!done_ && !octets.empty()) {
        const std::size_t end = octets.find('\n');
        const std::string_view part = octets.substr(0, end == octets.npos ? end : end + 1);
        line_ += part;
        octets.remove_prefix(part.size());
        if (line_.size() > limits::reply_line_octets || !may_become_reply(line_))
            stop(out);
        else if (part.ends_with('\n'))
            end_line(out);
    }
    if (done_) out += octets;
    return out;
}

void keyword_filter::end_line(std::string& out)
{
    if (!is_reply_line(line_) || ends_the_commands(line_)) return stop(out);
    if (!is_hidden(line_)) {
        out += std::exchange(held_, {});
        (goes_on(line_) ? held_ : out) += line_;
    } else if (!goes_on(line_)) {
        // The one before it is the last one now; the first line of a reply is never hidden.
        if (!held_.empty()) held_[code_octets] = ' ';
        out += held_.empty() ? line_ : held_;
        held_.clear();
    }
    is_first_line_ = !goes_on(line_);
    line_.clear();
}

void keyword_filter::stop(std::string& out)
{
    out += held_;
    out += line_;
    held_.clear();
    line_.clear();
    done_ = true;
}

} // namespace fendmail::smtp

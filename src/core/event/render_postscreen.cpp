// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/event/render.hpp"

#include "phrase.hpp"

#include <algorithm>
#include <chrono>

namespace fendmail::event {

void phrase_writer::put_name(std::string_view name)
{
    say(" ");
    say(name);
    say("=");
}

void phrase_writer::pair(std::string_view name, std::string_view word)
{
    if (word.empty()) return;
    put_name(name);
    append_logfmt_value(out_, word);
}

void phrase_writer::pair(std::string_view name, milliseconds span)
{
    put_name(name);
    append_seconds(out_, span);
}

void phrase_writer::own_pair(std::string_view name, std::string_view text)
{
    scratch_.clear();
    append_own_text(scratch_, text);
    pair(name, {scratch_.data(), scratch_.size()});
}

void phrase_writer::client_pair(std::string_view name, std::string_view text)
{
    scratch_.clear();
    append_client_text(scratch_, text);
    pair(name, {scratch_.data(), scratch_.size()});
}

void phrase_writer::quoted_pair(std::string_view name, std::string_view text)
{
    if (text.empty()) return;
    put_name(name);
    scratch_.clear();
    append_own_text(scratch_, text);
    append_quoted(out_, {scratch_.data(), scratch_.size()});
}

void append_delay(fmt::memory_buffer& out, milliseconds span)
{
    using std::chrono::seconds;
    span = std::max(span, milliseconds{0});
    const auto resolution = span < seconds{1}    ? milliseconds{10}
                            : span < seconds{10} ? milliseconds{100}
                                                 : milliseconds{1000};
    const auto rounded = (span + resolution / 2) / resolution * resolution;
    const auto whole = std::chrono::duration_cast<seconds>(rounded);
    const auto hundredths = (rounded - whole).count() / 10;

    fmt::format_to(fmt::appender(out), "{}", whole.count());
    if (hundredths == 0) return;
    if (hundredths % 10 == 0)
        fmt::format_to(fmt::appender(out), ".{}", hundredths / 10);
    else
        fmt::format_to(fmt::appender(out), ".{:02}", hundredths);
}

void render_postscreen(fmt::memory_buffer& out, const any_event& what, log_words words)
{
    const auto prefix = [level = level_of(what)]() -> std::string_view {
        switch (level) {
        case level::debug:
        case level::info: return "";
        case level::warning: return "warning: ";
        case level::error: return "error: ";
        }
        return "";
    }();
    out.append(prefix.data(), prefix.data() + prefix.size());
    phrase_writer writer{out, words};
    std::visit([&writer](const auto& e) { e.phrase(writer); }, what);
}

} // namespace fendmail::event

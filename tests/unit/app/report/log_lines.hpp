// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/report/builder.hpp"
#include "fendmail/app/report/log_parser.hpp"
#include "fendmail/core/event/event.hpp"
#include "fendmail/core/event/render.hpp"

#include <chrono>
#include <fmt/format.h>
#include <string>
#include <string_view>

/// Lines as a running fendmail writes them, made by its own renderers.
namespace fendmail::app::log_lines {

/// 2025-11-21T12:00:00Z, a Friday.
inline constexpr instant noon{std::chrono::sys_days{std::chrono::year{2025} / 11 / 21} +
                              std::chrono::hours{12}};

inline time_zone utc()
{
    return time_zone{[](instant) { return seconds{0}; }};
}

inline std::string as_json(const any_event& what, std::string_view time)
{
    fmt::memory_buffer out;
    event::render_json(out, what, time);
    return fmt::to_string(out);
}

inline std::string as_logfmt(const any_event& what, std::string_view time)
{
    fmt::memory_buffer out;
    event::render_logfmt(out, what, time);
    return fmt::to_string(out);
}

inline std::string as_postscreen(const any_event& what,
                                 event::log_words words = event::log_words::respectful)
{
    fmt::memory_buffer out;
    event::render_postscreen(out, what, words);
    return fmt::to_string(out);
}

inline ip_address address(std::string_view text)
{
    return *parse_address(text);
}

/// A session that ended at once.
inline event::session_ended session(std::string_view client, screen::verdict verdict,
                                    std::string_view reasons = "", std::string_view lists = "")
{
    event::session_ended one{};
    one.client = {address(client), 25000};
    one.session = 7;
    one.verdict = verdict;
    one.reasons = reasons;
    one.dnsbl_lists = lists;
    return one;
}

/// Feeds a builder with events, each through a line of JSON.
class feeder {
public:
    explicit feeder(report_builder& into)
        : into_{into}
    {
    }
    void add(instant when, const any_event& what) { add_line(as_json(what, utc_text(when))); }
    void add_line(std::string_view line)
    {
        const auto kind = parser_.parse(line);
        into_.add(kind, parser_.entry());
    }

private:
    report_builder& into_;
    log_parser parser_{utc(), noon};
};

} // namespace fendmail::app::log_lines

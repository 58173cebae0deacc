// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/report/log_parser.hpp"

#include "fendmail/core/text/ascii.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>
#include <vector>

namespace fendmail::app {

namespace {

/// journald's microseconds since 1970.
std::optional<instant> read_microseconds(std::string_view text)
{
    constexpr std::int64_t in_second = 1'000'000;
    std::int64_t count = 0;
    const auto* const end = text.data() + text.size();
    const auto [stop, fault] = std::from_chars(text.data(), end, count);
    if (fault != std::errc{} || stop != end || count < 0) return std::nullopt;
    return instant{seconds{count / in_second}};
}

/// "<6>", which systemd takes for a priority.
std::string_view without_priority(std::string_view line)
{
    if (line.size() > 2 && line[0] == '<' && is_digit(line[1]) && line[2] == '>')
        line.remove_prefix(3);
    return line;
}

/// What stands behind "host ident[pid]: ", or behind "ident[pid]: "; all of it when there is
/// neither. Container runtimes write the stream and whether the line is whole instead.
std::string_view without_ident(std::string_view text)
{
    for (const std::string_view stream : {"stdout F ", "stderr F "})
        if (text.starts_with(stream)) return text.substr(stream.size());
    const auto colon = text.find(": ");
    if (colon == std::string_view::npos) return text;
    // No host and no ident has a space in it.
    if (std::ranges::count(text.substr(0, colon), ' ') > 1) return text;
    return text.substr(colon + 2);
}

/// All that fendmail writes is; anything else is a damaged block of the file.
bool is_printable(const std::vector<log_field>& fields) noexcept
{
    return std::ranges::all_of(fields, [](const log_field& field) {
        return std::ranges::all_of(field.value, [](char c) { return c >= ' ' && c <= '~'; });
    });
}

} // namespace

std::string_view log_entry::get(std::string_view name) const noexcept
{
    const auto found = std::ranges::find(fields, name, &log_field::name);
    return found == fields.end() ? std::string_view{} : found->value;
}

log_parser::log_parser(time_zone zone, instant now)
    : zone_{std::move(zone)}
    , now_{now}
{
}

line_kind log_parser::parse(std::string_view line)
{
    while (line.ends_with('\r') || line.ends_with('\n') || line.ends_with(' '))
        line.remove_suffix(1);
    entry_.time.reset();
    entry_.event = {};
    entry_.fields.clear();
    is_inner_ = false;
    if (line.empty()) return line_kind::other;
    line = without_priority(line);
    const auto kind = line.starts_with('{') ? parse_object(line) : parse_stamped(line);
    if (kind != line_kind::event) return kind;
    if (!is_printable(entry_.fields)) return line_kind::damaged;
    return entry_.time ? line_kind::event : line_kind::timeless;
}

line_kind log_parser::parse_object(std::string_view line)
{
    auto& keep = is_inner_ ? inner_text_ : unescaped_;
    if (!read_json_fields(line, keep, entry_.fields)) return line_kind::damaged;
    const auto logged_at = entry_.get("__REALTIME_TIMESTAMP");
    if (!is_inner_ && !logged_at.empty()) {
        entry_.time = read_microseconds(logged_at);
        is_inner_ = true;
        return parse_message(entry_.get("MESSAGE"));
    }
    entry_.event = entry_.get("event");
    if (entry_.event.empty()) return line_kind::other;
    if (const auto stamp = read_iso_stamp(entry_.get("time"), zone_)) entry_.time = stamp->time;
    return line_kind::event;
}

line_kind log_parser::parse_stamped(std::string_view line)
{
    auto stamp = read_iso_stamp(line, zone_);
    if (!stamp) stamp = read_syslog_stamp(line, zone_, now_);
    if (!stamp) return parse_message(line);
    entry_.time = stamp->time;
    line.remove_prefix(stamp->octets);
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    is_inner_ = true;
    return parse_message(without_ident(line));
}

line_kind log_parser::parse_message(std::string_view message)
{
    message = without_priority(message);
    if (message.starts_with('{')) return parse_object(message);
    if (!message.starts_with("time=") && !message.starts_with("event="))
        return read_phrase(message, inner_text_, entry_);
    if (!read_pairs(message, inner_text_, entry_.fields)) return line_kind::damaged;
    entry_.event = entry_.get("event");
    if (entry_.event.empty()) return line_kind::damaged;
    if (const auto stamp = read_iso_stamp(entry_.get("time"), zone_)) entry_.time = stamp->time;
    return line_kind::event;
}

} // namespace fendmail::app

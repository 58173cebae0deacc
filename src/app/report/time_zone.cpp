// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/report/time_zone.hpp"

#include "fendmail/core/text/ascii.hpp"
#include "fendmail/core/units.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <fmt/format.h>
#include <ratio>

namespace fendmail::app {

namespace chrono = std::chrono;

namespace {

// Not strftime: its names follow the locale.
constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> weekdays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

/// Takes its parts off the front of a text; is_good() is false once one was not there.
class reader {
public:
    explicit reader(std::string_view text) noexcept
        : text_{text}
    {
    }

    [[nodiscard]] bool is_good() const noexcept { return is_good_; }
    [[nodiscard]] std::size_t octets() const noexcept { return at_; }
    [[nodiscard]] char next() const noexcept { return at_ < text_.size() ? text_[at_] : '\0'; }

    unsigned number(std::size_t digits) noexcept
    {
        unsigned value = 0;
        for (std::size_t i = 0; i < digits; ++i, ++at_) {
            if (!is_digit(next())) return fail();
            value = value * 10 + static_cast<unsigned>(text_[at_] - '0');
        }
        return value;
    }
    void literal(char c) noexcept
    {
        if (next() == c)
            ++at_;
        else
            fail();
    }
    bool skip_if(char c) noexcept
    {
        if (next() != c) return false;
        ++at_;
        return true;
    }
    void skip_digits() noexcept
    {
        while (is_digit(next()))
            ++at_;
    }
    /// @return from 1; 0 = none
    unsigned month() noexcept
    {
        const auto* const found = std::ranges::find(months, text_.substr(at_, 3));
        if (found == months.end()) return fail();
        at_ += 3;
        return static_cast<unsigned>(found - months.begin()) + 1;
    }
    unsigned fail() noexcept
    {
        is_good_ = false;
        return 0;
    }

private:
    std::string_view text_;
    std::size_t at_ = 0;
    bool is_good_ = true;
};

/// "06:07:08", or without seconds.
seconds read_clock(reader& from, bool needs_seconds)
{
    const auto hour = from.number(2);
    from.literal(':');
    const auto minute = from.number(2);
    unsigned second = 0;
    if (needs_seconds || from.next() == ':') {
        from.literal(':');
        second = from.number(2);
    }
    if (hour > 23 || minute > 59 || second > 60) from.fail();
    return chrono::hours{hour} + chrono::minutes{minute} + seconds{second};
}

std::optional<chrono::sys_days> day_of(int year, unsigned month, unsigned day)
{
    const chrono::year_month_day date{chrono::year{year}, chrono::month{month}, chrono::day{day}};
    if (!date.ok()) return std::nullopt;
    return chrono::sys_days{date};
}

/// Z, +01:00 or +0100; nothing when there is none.
std::optional<seconds> read_offset(reader& from)
{
    if (from.skip_if('Z') || from.skip_if('z')) return seconds{0};
    const bool is_east = from.next() == '+';
    if (!is_east && from.next() != '-') return std::nullopt;
    from.literal(from.next());
    const auto hours = from.number(2);
    from.skip_if(':');
    const seconds span = chrono::hours{hours} + chrono::minutes{from.number(2)};
    return is_east ? span : -span;
}

chrono::year_month_day date_of(instant local)
{
    return chrono::year_month_day{chrono::floor<chrono::days>(local)};
}

chrono::hh_mm_ss<seconds> clock_of(instant local)
{
    return chrono::hh_mm_ss{local - chrono::floor<chrono::days>(local)};
}

} // namespace

seconds time_zone::offset_at(instant when) const
{
    const instant quarter{
        chrono::floor<chrono::duration<long, std::ratio<900>>>(when.time_since_epoch())};
    if (quarter_ != quarter) {
        offset_ = offset_at_(when);
        quarter_ = quarter;
    }
    return offset_;
}

instant time_zone::to_local(instant when) const
{
    return when + offset_at(when);
}

instant time_zone::from_local(instant local) const
{
    // An offset near the wanted instant is off by an hour at most, which the second look corrects.
    const instant near = local - offset_at(local);
    return local - offset_at(near);
}

std::optional<read_stamp> read_syslog_stamp(std::string_view line, const time_zone& zone,
                                            instant now)
{
    reader from{line};
    const auto month = from.month();
    from.literal(' ');
    const auto day = from.number(from.skip_if(' ') ? 1 : 2);
    from.literal(' ');
    const auto clock = read_clock(from, true);
    if (!from.is_good()) return std::nullopt;
    const int this_year = static_cast<int>(date_of(zone.to_local(now + chrono::days{1})).year());
    // A 29th of February is not in every year.
    for (int year = this_year; year > this_year - 8; --year) {
        const auto date = day_of(year, month, day);
        if (!date) continue;
        const auto when = zone.from_local(*date + clock);
        if (when <= now + chrono::days{1}) return read_stamp{when, from.octets()};
    }
    return std::nullopt;
}

std::optional<read_stamp> read_iso_stamp(std::string_view line, const time_zone& zone)
{
    reader from{line};
    const auto year = from.number(4);
    from.literal('-');
    const auto month = from.number(2);
    from.literal('-');
    const auto day = from.number(2);
    if (!from.is_good()) return std::nullopt;
    const auto date = day_of(static_cast<int>(year), month, day);
    if (!date) return std::nullopt;
    if (!from.skip_if('T') && !from.skip_if('t')) from.literal(' ');
    const auto clock = read_clock(from, false);
    if (from.skip_if('.') || from.skip_if(',')) from.skip_digits();
    const auto offset = read_offset(from);
    if (!from.is_good()) return std::nullopt;
    const instant local = *date + clock;
    return read_stamp{offset ? local - *offset : zone.from_local(local), from.octets()};
}

std::optional<instant> read_point(std::string_view text, const time_zone& zone, instant now)
{
    const auto midnight = [&](chrono::days before) {
        return zone.from_local(chrono::floor<chrono::days>(zone.to_local(now)) - before);
    };
    if (text == "now") return now;
    if (text == "today") return midnight(chrono::days{0});
    if (text == "yesterday") return midnight(chrono::days{1});
    if (const auto span = parse_duration(text)) return now - chrono::duration_cast<seconds>(*span);
    constexpr std::size_t date_octets = 10;
    std::string whole{text};
    if (text.size() == date_octets) whole.append(" 00:00");
    const auto stamp = read_iso_stamp(whole, zone);
    if (!stamp || stamp->octets != whole.size()) return std::nullopt;
    return stamp->time;
}

std::string utc_text(instant when)
{
    const auto date = date_of(when);
    const auto clock = clock_of(when);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                       clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

std::string day_text(instant when, const time_zone& zone)
{
    const auto local = zone.to_local(when);
    const auto date = date_of(local);
    const chrono::weekday weekday{chrono::floor<chrono::days>(local)};
    const auto clock = clock_of(local);
    return fmt::format(
        "{} {} {} {:04} {:02}:{:02}", weekdays[weekday.c_encoding()],
        static_cast<unsigned>(date.day()), months[static_cast<unsigned>(date.month()) - 1],
        static_cast<int>(date.year()), clock.hours().count(), clock.minutes().count());
}

std::string minute_text(instant when, const time_zone& zone)
{
    const auto local = zone.to_local(when);
    const auto date = date_of(local);
    const auto clock = clock_of(local);
    return fmt::format("{:>2} {} {:02}:{:02}", static_cast<unsigned>(date.day()),
                       months[static_cast<unsigned>(date.month()) - 1], clock.hours().count(),
                       clock.minutes().count());
}

} // namespace fendmail::app

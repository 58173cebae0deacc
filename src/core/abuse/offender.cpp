// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/abuse/offender.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <limits>

namespace fendmail::abuse {

namespace {

constexpr std::int64_t milli = 1000;
/// Of what a ban may be longer, so that it never ends earlier than configured.
constexpr double jitter_part = 0.2;

/// Takes the next word off the front.
std::string_view take_word(std::string_view& text)
{
    const auto end = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return word;
}

template <class Number>
bool take_number(std::string_view& text, Number& into)
{
    const auto word = take_word(text);
    const auto [stop, fault] = std::from_chars(word.data(), word.data() + word.size(), into);
    return fault == std::errc{} && !word.empty() && stop == word.data() + word.size();
}

bool take_instant(std::string_view& text, instant& into)
{
    std::int64_t count = 0;
    // Sums of such times must not overflow.
    constexpr auto most = std::numeric_limits<std::int64_t>::max() / 4;
    if (!take_number(text, count) || count < 0 || count > most) return false;
    into = instant{seconds{count}};
    return true;
}

bool take_origin(std::string_view& text, ban_origin& into)
{
    const auto word = take_word(text);
    for (const auto each :
         {ban_origin::none, ban_origin::offences, ban_origin::network, ban_origin::admin})
        if (word == to_string(each)) {
            into = each;
            return true;
        }
    return false;
}

bool take_counts(std::string_view word, by_offence<std::uint16_t>& into)
{
    for (std::size_t i = 0; i < offence_count; ++i) {
        const auto end = std::min(word.find(','), word.size());
        const auto* const last = word.data() + end;
        const auto [stop, fault] = std::from_chars(word.data(), last, into.values[i]);
        if (fault != std::errc{} || stop != last) return false;
        if ((end == word.size()) != (i + 1 == offence_count)) return false;
        word.remove_prefix(std::min(end + 1, word.size()));
    }
    return true;
}

} // namespace

std::string_view to_string(ban_origin o) noexcept
{
    switch (o) {
    case ban_origin::none: return "none";
    case ban_origin::offences: return "offences";
    case ban_origin::network: return "network";
    case ban_origin::admin: return "admin";
    }
    return "unknown origin";
}

void leak(offender& of, const ban_rules& rules, instant now) noexcept
{
    // In two windows everything is gone: what is kept is at most two bans' worth.
    const auto window = std::max(rules.window.count(), std::int64_t{1});
    const auto elapsed = std::clamp((now - of.touched).count(), std::int64_t{0}, 2 * window);
    of.touched = now;
    const auto gone = rules.score * milli * elapsed / window;
    of.milli_points = std::max(of.milli_points - gone, std::int64_t{0});
}

bool add_offences(offender& to, offence_set what, const ban_rules& rules, instant now) noexcept
{
    leak(to, rules, now);
    if (to.milli_points == 0) to.seen = {};
    for (const offence each : all_offences) {
        if (!what.has(each) || rules.points[each] <= 0) continue;
        to.milli_points += rules.points[each] * milli;
        if (to.seen[each] < std::numeric_limits<std::uint16_t>::max()) ++to.seen[each];
    }
    // What it has beyond one ban does not make the next one nearer.
    const auto enough = rules.score * milli;
    to.milli_points = std::min(to.milli_points, 2 * enough);
    // A point counts until all of it has leaked: two offences of half the score are enough although
    // a moment lies between them.
    return to.milli_points > enough - milli;
}

void begin_ban(offender& of, const ban_rules& rules, instant now, double jitter) noexcept
{
    seconds span = std::min(rules.time, rules.max_time);
    for (std::uint32_t i = 0; i < of.bans && span < rules.max_time; ++i)
        span = std::min(span * 2, rules.max_time);
    const auto more = static_cast<std::int64_t>(static_cast<double>(span.count()) * jitter_part *
                                                std::clamp(jitter, 0.0, 1.0));
    of.until = now + std::min(span + seconds{more}, longest_ban(rules));
    of.since = now;
    of.origin = ban_origin::offences;
    of.milli_points = 0;
    if (of.bans < std::numeric_limits<std::uint32_t>::max()) ++of.bans;
}

seconds longest_ban(const ban_rules& rules) noexcept
{
    return std::max(rules.max_time, rules.time);
}

bool is_forgotten(const offender& of, const ban_rules& rules, instant now) noexcept
{
    if (of.is_banned(now)) return false;
    if (of.bans == 0) {
        auto left = of;
        leak(left, rules, now);
        return left.milli_points == 0;
    }
    return now - std::max(of.touched, of.until) >= rules.forget;
}

std::string reason_of(const offender& of)
{
    switch (of.origin) {
    case ban_origin::admin: return "admin";
    case ban_origin::network: return "banned addresses in it";
    case ban_origin::none:
    case ban_origin::offences: break;
    }
    return to_text(of.seen);
}

std::string write_line(const offender& of)
{
    return fmt::format("offender {} {} {} {} {} {} {} {}", to_text(of.who), of.milli_points,
                       of.touched.time_since_epoch().count(), of.since.time_since_epoch().count(),
                       of.until.time_since_epoch().count(), of.bans, to_string(of.origin),
                       fmt::join(of.seen.values, ","));
}

std::optional<offender> parse_offender(std::string_view line)
{
    if (take_word(line) != "offender") return std::nullopt;
    offender out;
    const auto who = parse_network(take_word(line));
    if (!who) return std::nullopt;
    out.who = *who;
    if (!take_number(line, out.milli_points) || !take_instant(line, out.touched) ||
        !take_instant(line, out.since) || !take_instant(line, out.until) ||
        !take_number(line, out.bans) || !take_origin(line, out.origin) ||
        !take_counts(line, out.seen))
        return std::nullopt;
    constexpr std::int64_t most_points = 1'000'000'000;
    if (out.milli_points < 0 || out.milli_points > most_points) return std::nullopt;
    return out;
}

} // namespace fendmail::abuse

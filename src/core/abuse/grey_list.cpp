// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/abuse/grey_list.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>

namespace fendmail::abuse {

std::string grey_list::line_of(std::string_view verb, const network& who, instant when)
{
    return fmt::format("{} {} {}", verb, to_text(who), when.time_since_epoch().count());
}

void grey_list::configure(const grey_rules& rules) noexcept
{
    rules_ = rules;
    // What is in the file must not be so old that it no longer counts.
    constexpr int parts = 4;
    back_.tell_apart(std::min(recent_clients::default_told_apart, rules.ttl / parts));
}

grey_list::found grey_list::ask(const network& who, instant now, std::string& line)
{
    const auto last = back_.last(who);
    if (last && now - *last < rules_.ttl) {
        if (back_.note(who, now)) line = line_of(came_back, who, now);
        return {answer::known, seconds{0}};
    }
    const auto first = waiting_.last(who);
    if (!first || *first > now || now - *first > rules_.window) {
        const auto next = waiting_.next_to_go();
        if (!first && next && now - *next < rules_.delay) return {answer::known, seconds{0}};
        (void)waiting_.note(who, now);
        line = line_of(waits, who, now);
        return {answer::wait, rules_.delay};
    }
    const auto away = now - *first;
    if (away < rules_.delay) return {answer::wait, rules_.delay - away};
    (void)back_.note(who, now);
    line = line_of(came_back, who, now);
    return {answer::back, away};
}

bool grey_list::restore(std::string_view line, instant now)
{
    const auto verb = line.substr(0, line.find(' '));
    if (verb != waits && verb != came_back) return false;
    line.remove_prefix(std::min(verb.size() + 1, line.size()));
    const auto space = std::min(line.find(' '), line.size());
    const auto who = parse_network(line.substr(0, space));
    line.remove_prefix(std::min(space + 1, line.size()));
    std::int64_t count = 0;
    const auto* const end = line.data() + line.size();
    const auto [stop, fault] = std::from_chars(line.data(), end, count);
    if (!who || fault != std::errc{} || stop != end || count < 0) return false;
    // Of a time that is to come nothing can be said: it waits, or came, now.
    const instant when = std::min(instant{seconds{std::min(count, std::int64_t{1} << 60)}}, now);
    (void)(verb == waits ? waiting_ : back_).note(*who, when);
    return true;
}

void grey_list::forget(instant now)
{
    waiting_.forget_before(now - rules_.window);
    back_.forget_before(now - rules_.ttl);
}

} // namespace fendmail::abuse

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/abuse/recent_clients.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fmt/format.h>
#include <iterator>

namespace fendmail::abuse {

namespace {

constexpr std::string_view verb = "accepted ";

} // namespace

bool recent_clients::note(const network& who, instant now)
{
    const auto found = index_.find(who);
    if (found != index_.end()) {
        auto& one = *found->second;
        by_age_.splice(by_age_.end(), by_age_, found->second);
        one.last = now;
        // A clock that was set back must not keep it untold.
        if (now - one.told < told_apart_ && one.told <= now) return false;
        one.told = now;
        return true;
    }
    by_age_.push_back({who, now, now});
    try {
        index_.emplace(who, std::prev(by_age_.end()));
    } catch (...) {
        by_age_.pop_back();
        throw;
    }
    if (by_age_.size() > places_) {
        index_.erase(by_age_.front().who);
        by_age_.pop_front();
    }
    return true;
}

std::optional<instant> recent_clients::last(const network& who) const noexcept
{
    const auto found = index_.find(who);
    if (found == index_.end()) return std::nullopt;
    return found->second->last;
}

void recent_clients::forget_before(instant when)
{
    while (!by_age_.empty() && by_age_.front().last < when) {
        index_.erase(by_age_.front().who);
        by_age_.pop_front();
    }
}

std::string write_line(const accepted_line& of)
{
    return fmt::format("{}{} {}", verb, to_text(of.who), of.when.time_since_epoch().count());
}

std::optional<accepted_line> parse_accepted(std::string_view line)
{
    if (!line.starts_with(verb)) return std::nullopt;
    line.remove_prefix(verb.size());
    const auto space = std::min(line.find(' '), line.size());
    const auto who = parse_network(line.substr(0, space));
    line.remove_prefix(std::min(space + 1, line.size()));
    std::int64_t count = 0;
    const auto* const end = line.data() + line.size();
    const auto [stop, fault] = std::from_chars(line.data(), end, count);
    constexpr std::int64_t most = std::int64_t{1} << 60;
    if (!who || fault != std::errc{} || stop != end || count < 0 || count > most)
        return std::nullopt;
    return accepted_line{*who, instant{seconds{count}}};
}

} // namespace fendmail::abuse

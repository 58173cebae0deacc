// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/migrate/cache_dump.hpp"

#include "fendmail/app/migrate/logical_lines.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace fendmail::app::postscreen {

namespace {

constexpr std::string_view cleanup_key = "_LAST_CACHE_CLEANUP_COMPLETED_";
constexpr std::size_t postscreen_tests = 5;
/// As long as a TTL may be: a pass that lasts longer was never given.
constexpr seconds longest_pass = std::chrono::days{3650};

std::optional<instant> parse_time(std::string_view text)
{
    std::int64_t count = 0;
    const auto* const last = text.data() + text.size();
    const auto [end, failure] = std::from_chars(text.data(), last, count);
    if (failure != std::errc{} || end != last || count < 0) return std::nullopt;
    return instant{seconds{count}};
}

} // namespace

cache_line parse_cache_line(std::string_view line, instant now)
{
    line = trim(line);
    const std::size_t gap = std::min(line.find_first_of(blanks), line.size());
    const std::string_view key = line.substr(0, gap);
    if (key.empty() || to_lower(key) == to_lower(cleanup_key)) return housekeeping{};
    const auto address = parse_address(key);
    if (!address) return bad_line{"does not begin with an address"};

    cached_client out{*address, {}};
    out.record.expires_at.values.fill(screen::client_record::was_disabled);
    std::string_view rest = trim(line.substr(gap));
    if (rest.empty()) return bad_line{"has no times"};
    for (std::size_t i = 0; !rest.empty(); ++i) {
        if (i == postscreen_tests) return bad_line{"has more than five times"};
        const std::size_t end = std::min(rest.find(';'), rest.size());
        const auto time = parse_time(rest.substr(0, end));
        if (!time) return bad_line{"holds something that is no time"};
        if (*time > now + longest_pass) return bad_line{"holds a time too far in the future"};
        out.record.expires_at.values[i] = *time;
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return out;
}

} // namespace fendmail::app::postscreen

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/screen/client_record.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace fendmail::screen {

namespace {

constexpr std::byte version{1};
constexpr std::size_t head_octets = 2; // version, number of tests
constexpr std::size_t time_octets = 8;
static_assert(client_record::encoded_octets == head_octets + test_count * time_octets);

} // namespace

bool client_record::is_new() const noexcept
{
    return std::all_of(expires_at.values.begin(), expires_at.values.end(),
                       [](instant end) { return end == never_passed; });
}

bool client_record::is_stale(instant now, seconds retention) const noexcept
{
    // The two values that are no times lie before any retention, so a record without a single
    // pass is stale at once: it says no more than no record.
    const instant last = *std::max_element(expires_at.values.begin(), expires_at.values.end());
    return last <= was_disabled || last < now - retention;
}

client_record without_impossible(client_record of, const by_test<seconds>& longest,
                                 instant now) noexcept
{
    for (const test t : all_tests)
        // Not `now + longest`: neither side may overflow, whatever a file says.
        if (of.expires_at[t] > now && of.expires_at[t] - now > longest[t])
            of.expires_at[t] = client_record::never_passed;
    return of;
}

client_record later_of(const client_record& a, const client_record& b) noexcept
{
    client_record out;
    for (const test t : all_tests)
        out.expires_at[t] = std::max(a.expires_at[t], b.expires_at[t]);
    return out;
}

client_record with_deep_passes(client_record of, const client_record& also) noexcept
{
    for (const test t : all_tests) {
        const instant end = also.expires_at[t];
        if (is_early(t) || end <= client_record::was_disabled) continue;
        of.expires_at[t] = std::max(of.expires_at[t], end);
    }
    return of;
}

encoded_record encode(const client_record& record) noexcept
{
    encoded_record out{};
    out[0] = version;
    out[1] = std::byte{test_count};
    std::size_t at = head_octets;
    for (const instant end : record.expires_at.values) {
        // A clock before 1970 cannot make a pass; it must not become one far in the future.
        const auto count = static_cast<std::uint64_t>(
            std::max(end, client_record::never_passed).time_since_epoch().count());
        for (std::size_t i = 0; i < time_octets; ++i)
            out[at++] = static_cast<std::byte>(count >> (8 * (time_octets - 1 - i)));
    }
    return out;
}

result<client_record> decode(std::span<const std::byte> octets) noexcept
{
    if (octets.size() < head_octets || octets[0] != version) return error::bad_record;
    const auto tests = std::to_integer<std::size_t>(octets[1]);
    octets = octets.subspan(head_octets);
    if (tests == 0 || octets.size() != tests * time_octets) return error::bad_record;
    client_record record;
    for (instant& end : record.expires_at.values) {
        if (octets.empty()) { // by a version that did not have this test yet
            end = client_record::was_disabled;
            continue;
        }
        std::uint64_t count = 0;
        for (const std::byte octet : octets.first(time_octets))
            count = count << 8 | std::to_integer<std::uint64_t>(octet);
        octets = octets.subspan(time_octets);
        if (count > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
            return error::bad_record;
        end = instant{seconds{static_cast<std::int64_t>(count)}};
    }
    return record;
}

} // namespace fendmail::screen

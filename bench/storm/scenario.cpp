// SPDX-License-Identifier: Apache-2.0
#include "storm/scenario.hpp"

#include <algorithm>

namespace fendmail::storm {

namespace {

constexpr std::uint32_t many_sources = 1'000'000;
constexpr std::uint32_t few_sources = 64;
constexpr std::uint32_t first_loopback = 0x7f000001;
constexpr std::uint32_t last_loopback = 0x7ffffffe;

constexpr std::array known{group{.name = "known"}};
constexpr std::array clean{group{.name = "clean"}};
constexpr std::array listed{group{.name = "listed", .role = role::sender, .is_listed = true}};
constexpr std::array good{group{.name = "clean", .role = role::sender}};
constexpr std::array pregreet{group{.name = "pregreet", .role = role::pregreeter}};
constexpr std::array hold{group{.name = "hold", .role = role::holder}};
constexpr std::array mail_4k{group{.name = "mail-4k", .role = role::mailer, .mail_octets = 4096}};
constexpr std::array mail_10m{
    group{.name = "mail-10m", .role = role::mailer, .mail_octets = 10'000'000}};
// What a public MX sees: nine of ten are bots, most of them on some list.
constexpr std::array mix{
    group{.name = "listed", .role = role::sender, .percent = 60, .is_listed = true},
    group{.name = "pregreet", .role = role::pregreeter, .percent = 30},
    group{.name = "clean", .percent = 10},
};

// A client that is no bot must not pay for a wave of bots that comes in the same moment.
constexpr std::array both{
    group{.name = "listed", .role = role::sender, .percent = 50, .is_listed = true},
    group{.name = "clean", .role = role::sender, .percent = 50},
};

constexpr std::array<scenario, 10> table{{
    {"known", "connect, greeting, QUIT, from few addresses", known, few_sources},
    {"clean", "the same from a new address each time", clean, many_sources},
    {"listed", "EHLO, MAIL, RCPT to the 550, QUIT, from addresses on a list", listed, many_sources},
    {"good", "the same from addresses on no list", good, many_sources},
    {"both", "50 % listed and 50 % good", both, many_sources},
    {"pregreet", "speaks before the greeting, from a new address each time", pregreet,
     many_sources},
    {"hold", "connects and keeps silent until the end", hold, many_sources},
    {"mail-4k", "a mail of 4 KiB, from few addresses", mail_4k, few_sources},
    {"mail-10m", "a mail of 10 MB, from few addresses", mail_10m, few_sources},
    {"mix", "90 % bots: 60 % listed, 30 % pregreet, 10 % clean", mix, many_sources},
}};

} // namespace

std::span<const scenario> scenarios() noexcept
{
    return table;
}

std::optional<scenario> find_scenario(std::string_view name) noexcept
{
    const auto found = std::ranges::find(table, name, &scenario::name);
    if (found == table.end()) return std::nullopt;
    return *found;
}

std::size_t group_of(const scenario& what, std::uint64_t n) noexcept
{
    // 37 has no divisor in common with 100, so a hundred steps visit each percent once.
    const auto percent = static_cast<unsigned>(n % 100 * 37 % 100);
    unsigned end = 0;
    for (std::size_t i = 0; i < what.groups.size(); ++i) {
        end += what.groups[i].percent;
        if (percent < end) return i;
    }
    return what.groups.size() - 1;
}

std::optional<source_pool> source_pool::make(std::uint32_t first, std::uint32_t count,
                                             std::uint32_t stride) noexcept
{
    if (count == 0 || stride == 0 || first < first_loopback || first > last_loopback)
        return std::nullopt;
    if (count - 1 > (last_loopback - first) / stride) return std::nullopt;
    return source_pool{first, count, stride};
}

std::uint32_t source_pool::next() noexcept
{
    const auto offset = given_;
    given_ = given_ + 1 == count_ ? 0 : given_ + 1;
    return first_ + offset * stride_;
}

} // namespace fendmail::storm

// SPDX-License-Identifier: Apache-2.0
#include "check_abuse.hpp"

#include "fendmail/core/units.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <string>
#include <vector>

namespace fendmail::app {

namespace {

void print_rates(const abuse::rate_rules& rates)
{
    std::vector<std::string> parts;
    for (const auto which : abuse::all_rates)
        if (!rates.of(which).is_off())
            parts.push_back(
                fmt::format("{} {}", to_string(which), fendmail::to_text(rates.of(which))));
    if (parts.empty()) return;
    fmt::print("rates: {}; what is more: {}\n", fmt::join(parts, ", "), to_string(rates.action));
}

void print_bans(const bans_options& bans)
{
    const auto& rules = bans.rules;
    if (rules.action == abuse::ban_action::ignore) return;
    auto text =
        fmt::format("bans: at {} points, for {} and up to {}; a banned client: {}", rules.score,
                    fendmail::to_text(milliseconds{rules.time}),
                    fendmail::to_text(milliseconds{rules.max_time}), to_string(rules.action));
    if (rules.network_after != 0)
        text += fmt::format("; a network after {} of its addresses, for {}", rules.network_after,
                            fendmail::to_text(milliseconds{rules.network_time}));
    if (bans.kernel != ban_kernel::off)
        text += fmt::format("; in the kernel from ban {} on, by fendmail-nft at {}",
                            bans.kernel_after, bans.kernel_socket);
    fmt::print("{}\n", text);
}

} // namespace

void print_abuse(const runtime_config& config)
{
    print_rates(config.rates);
    print_bans(config.bans);
    const auto& screening = config.screening;
    if (screening.grey_threshold > 0 && screening.grey_threshold < screening.dnsbl_threshold)
        fmt::print("grey zone: a score from {} to {} is asked to come back in {}\n",
                   screening.grey_threshold, screening.dnsbl_threshold - 1,
                   fendmail::to_text(milliseconds{config.grey.delay}));
}

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/choice.hpp"
#include "fendmail/core/time.hpp"

#include <array>
#include <cstdint>

/// Section [dnsbl]: what there is besides the sites, dnsbl::site_set, and screen::policy.
namespace fendmail::app {

/// Whether a list is asked about addresses that no public list can know.
enum class private_clients : std::uint8_t { skip, ask };
inline constexpr std::array private_clients_choices{choice{private_clients::skip, "skip"},
                                                    choice{private_clients::ask, "ask"}};
[[nodiscard]] constexpr const auto& choice_table(private_clients) noexcept
{
    return private_clients_choices;
}

struct dnsbl_options {
    milliseconds timeout{10000};
    private_clients private_addresses = private_clients::skip;
    milliseconds test_interval{300000}; ///< 0 = lists are not watched
};

} // namespace fendmail::app

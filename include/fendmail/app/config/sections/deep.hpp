// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/choice.hpp"
#include "fendmail/app/config/key_facts.hpp"

#include <array>
#include <cstdint>

/// Section [deep]: what follows when a client passed the deep tests.
namespace fendmail::app {

enum class after_deep : std::uint8_t {
    relay, ///< it goes on to the backend in the same session
    retry, ///< it gets a 450, and goes to the backend when it comes again
};
inline constexpr std::array after_deep_choices{choice{after_deep::relay, "relay"},
                                               choice{after_deep::retry, "retry"}};
[[nodiscard]] constexpr const auto& choice_table(after_deep) noexcept
{
    return after_deep_choices;
}

struct deep_options {
    after_deep after = after_deep::relay;
    unsigned ipv4_prefix = 32; ///< of those who share what they passed of the deep tests

    [[nodiscard]] bool relays() const noexcept { return after == after_deep::relay; }

    template <class Keys>
    static void describe(Keys& keys)
    {
        keys.add(
            "after", &deep_options::after,
            {.doc = "A client that passed the deep tests goes on to the backend (relay), or gets a "
                    "450 and comes back (retry)."});
        keys.add(
            "ipv4_prefix", &deep_options::ipv4_prefix,
            {.doc =
                 "Clients whose addresses begin with the same bits share what they passed of the "
                 "deep tests; 24 helps senders that try again from a neighbour, 32 shares nothing.",
             .min = 16,
             .max = 32});
    }
};

} // namespace fendmail::app

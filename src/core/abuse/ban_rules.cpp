// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/abuse/ban_rules.hpp"

namespace fendmail::abuse {

std::string_view to_string(ban_action a) noexcept
{
    switch (a) {
    case ban_action::ignore: return "ignore";
    case ban_action::defer: return "defer";
    case ban_action::enforce: return "enforce";
    case ban_action::drop: return "drop";
    }
    return "unknown action";
}

std::string_view to_string(ban_guard g) noexcept
{
    switch (g) {
    case ban_guard::none: return "none";
    case ban_guard::own_address: return "own_address";
    case ban_guard::balancer: return "balancer";
    case ban_guard::resolver: return "resolver";
    case ban_guard::backend: return "backend";
    case ban_guard::private_network: return "private_network";
    case ban_guard::permitted: return "permitted";
    case ban_guard::known_sender: return "known_sender";
    case ban_guard::known_recipient: return "known_recipient";
    case ban_guard::never: return "never";
    case ban_guard::accepted_mail: return "accepted_mail";
    case ban_guard::gateway: return "gateway";
    }
    return "unknown guard";
}

} // namespace fendmail::abuse

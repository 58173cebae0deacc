// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/abuse/rates.hpp"

namespace fendmail::abuse {

std::string_view to_string(rate r) noexcept
{
    switch (r) {
    case rate::connections: return "connections";
    case rate::network: return "network";
    case rate::tls_handshakes: return "tls_handshakes";
    case rate::refused_recipients: return "refused_recipients";
    }
    return "unknown rate";
}

std::string_view to_string(rate_action a) noexcept
{
    switch (a) {
    case rate_action::ignore: return "ignore";
    case rate_action::defer: return "defer";
    case rate_action::drop: return "drop";
    }
    return "unknown action";
}

} // namespace fendmail::abuse

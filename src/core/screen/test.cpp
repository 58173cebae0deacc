// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/screen/test.hpp"

namespace fendmail::screen {

std::string_view to_string(test t) noexcept
{
    switch (t) {
    case test::pregreet: return "pregreet";
    case test::dnsbl: return "dnsbl";
    case test::pipelining: return "pipelining";
    case test::non_smtp_command: return "non_smtp_command";
    case test::bare_newline: return "bare_newline";
    }
    return "unknown test";
}

std::string_view to_string(action a) noexcept
{
    switch (a) {
    case action::ignore: return "ignore";
    case action::enforce: return "enforce";
    case action::drop: return "drop";
    }
    return "unknown action";
}

} // namespace fendmail::screen

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dns/answer.hpp"

namespace fendmail::dns {

std::string_view to_string(outcome what) noexcept
{
    switch (what) {
    case outcome::found: return "found";
    case outcome::not_found: return "not_found";
    case outcome::failed: return "failed";
    }
    return "?";
}

} // namespace fendmail::dns

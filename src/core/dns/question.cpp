// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dns/question.hpp"

namespace fendmail::dns {

std::string_view to_string(record_type type) noexcept
{
    switch (type) {
    case record_type::a: return "A";
    case record_type::aaaa: return "AAAA";
    case record_type::mx: return "MX";
    case record_type::ptr: return "PTR";
    case record_type::txt: return "TXT";
    }
    return "?";
}

} // namespace fendmail::dns

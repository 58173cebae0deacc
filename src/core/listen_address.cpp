// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/listen_address.hpp"

#include <fmt/format.h>

namespace fendmail {

std::string to_text(const listen_address& where)
{
    if (where.is_unix()) return fmt::format("unix:{}", where.unix_path);
    if (where.tcp.address.is_v6()) return to_text(where.tcp);
    return fmt::format("{}:{}", to_text(where.tcp.address), where.tcp.port);
}

} // namespace fendmail

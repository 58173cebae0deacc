// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/dns/name_server.hpp"

#include <string>
#include <vector>

/// Name servers as a configuration would have them.
///
/// Errors: throws std::logic_error for a text that is none.
namespace fendmail::test_support {

[[nodiscard]] inline dns::server_list servers(const std::vector<std::string>& texts)
{
    dns::server_list all;
    all.reserve(texts.size());
    for (const auto& text : texts)
        all.push_back(dns::parse_server_address(text).value());
    return all;
}

} // namespace fendmail::test_support

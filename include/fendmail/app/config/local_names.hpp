// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"

#include <string_view>
#include <vector>

/// Names whose addresses this host knows by itself.
///
/// Source: hosts(5), RFC 6761 §6.3 (localhost).
/// Errors: a file that cannot be read knows no host.
namespace fendmail::app {

/// Those of /etc/hosts as it is now; "localhost" has its own.
[[nodiscard]] std::vector<ip_address> addresses_here(std::string_view name);

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"

#include <vector>

/// The addresses of this machine's interfaces now.
///
/// Source: getifaddrs(3).
/// Errors: what the system does not tell is not there.
/// Threads: any.
namespace fendmail::io {

[[nodiscard]] std::vector<ip_address> own_addresses();

} // namespace fendmail::io

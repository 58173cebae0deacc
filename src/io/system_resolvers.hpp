// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"

#include <vector>

/// The name servers that the system uses.
///
/// Source: resolv.conf(5), as c-ares reads it.
/// Errors: throws `std::runtime_error` when c-ares cannot start.
/// Threads: any.
namespace fendmail::io {

/// In the order in which they are to be asked; 127.0.0.1 where none is named (resolv.conf(5)).
[[nodiscard]] std::vector<endpoint> system_resolvers();

} // namespace fendmail::io

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/address.hpp"

#include <string>

/// Where a stream socket listens: an address with a port, or the path of a UNIX socket.
///
/// Memory: the path.
/// Errors: none.
/// Threads: values only.
namespace fendmail {

struct listen_address {
    endpoint tcp{};          ///< when `unix_path` is empty
    std::string unix_path{}; ///< absolute

    [[nodiscard]] bool is_unix() const noexcept { return !unix_path.empty(); }
    friend bool operator==(const listen_address&, const listen_address&) = default;
};

/// The form of the configuration: "192.0.2.1:25", "[2001:db8::1]:25", "unix:/path".
[[nodiscard]] std::string to_text(const listen_address& where);

} // namespace fendmail

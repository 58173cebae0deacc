// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/api/subject.hpp"
#include "fendmail/core/address.hpp"

#include <optional>
#include <string>
#include <string_view>

/// Networks that stand in a request.
namespace fendmail::app {

/// "192.0.2.1", "192.0.2.0/24"; bits behind the prefix are dropped: an admin who writes an address
/// of a network and its length means the network.
[[nodiscard]] std::optional<network> network_in(std::string_view text);

/// What may not be denied: this machine, who brings it clients, and its backend. A denial of these
/// would cost mail that has nothing to do with the client it was meant for.
/// @return "" when it may be
[[nodiscard]] std::string whose_is(const network& net, const api_subject& subject);

} // namespace fendmail::app

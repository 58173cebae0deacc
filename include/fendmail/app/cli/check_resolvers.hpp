// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/config.hpp"

#include <string>
#include <string_view>
#include <vector>

/// What `fendmail check` can say about the name servers of a configuration without asking them.
///
/// Errors: what cannot be known is not said.
/// Threads: any.
namespace fendmail::app {

/// The addresses behind "nameserver" in a resolv.conf (resolv.conf(5)).
[[nodiscard]] std::vector<std::string> name_servers_of(std::string_view resolv_conf);

/// A warning for each name server on this machine that has lost questions.
[[nodiscard]] std::vector<std::string> lost_questions(const runtime_config& config);

} // namespace fendmail::app

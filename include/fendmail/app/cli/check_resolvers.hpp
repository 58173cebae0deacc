// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/config.hpp"
#include "fendmail/io/dns/server_book.hpp"

#include <string>
#include <vector>

/// What `fendmail check` can say about the name servers of a configuration without asking them.
///
/// Errors: what cannot be known is not said.
/// Threads: any.
namespace fendmail::app {

/// A warning for each name server on this machine that has lost questions.
[[nodiscard]] std::vector<std::string> lost_questions(const runtime_config& config);

/// A warning for each public resolver through which lists are asked that refuse to answer it.
[[nodiscard]] std::vector<std::string> refusing_lists(const runtime_config& config);
/// @param book of the system's name servers
[[nodiscard]] std::vector<std::string> refusing_lists(const runtime_config& config,
                                                      const io::server_book& book);

} // namespace fendmail::app

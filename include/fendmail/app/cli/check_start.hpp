// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/config.hpp"

#include <cstddef>
#include <string>

/// Tries what a start needs, as whoever this process is: binds and connects, and lets go at once.
///
/// Errors: none; each finding is printed, with what to do.
namespace fendmail::app {

/// @param config_path stands in front of what is printed
/// @return how many of server.listen could not be bound; where a fendmail serves already, none
[[nodiscard]] std::size_t try_ports(const startup_config& startup, const std::string& config_path);

/// @return how many kept a client from the backend: 0 or 1
[[nodiscard]] std::size_t try_backend(const backend_options& backend,
                                      const std::string& config_path);

} // namespace fendmail::app

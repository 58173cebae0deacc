// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/config.hpp"

#include <cstddef>
#include <string>
#include <vector>

/// Tries what a start needs, as the user of this process: binds and connects, and lets go at once.
///
/// Errors: none; each finding is printed, with what to do.
namespace fendmail::app {

/// @param config_path stands in front of what is printed
/// @return how many of server.listen could not be bound; where a fendmail serves already, none
[[nodiscard]] std::size_t try_ports(const startup_config& startup, const std::string& config_path);

/// @return how many kept a client from the backend: 0 or 1
[[nodiscard]] std::size_t try_backend(const backend_options& backend,
                                      const std::string& config_path);

/// All addresses of a backend that is reached over TCP; of a name as libc finds them: a running
/// fendmail asks the same files and servers.
/// @param why set when there are none
[[nodiscard]] std::vector<endpoint> addresses_of(const backend_options& backend, std::string& why);

/// Speaks with each of them as for a client: PROXY header, XCLIENT or socket, greeting, EHLO, QUIT.
/// @return how many do not take clients as the configuration has it
[[nodiscard]] std::size_t speak_with_backend(const runtime_config& config,
                                             const std::string& config_path);

/// "try: … : ok"
void print_good(const std::string& what);
/// @param key of the configuration
void print_bad(const std::string& config_path, const char* key, const std::string& why);

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/config.hpp"
#include "fendmail/io/dns/server_book.hpp"

#include <cstddef>

/// How many descriptors a process holds for itself when it has the most to do: what must be kept
/// back from clients, or lists would seem to know no client just when bots come in numbers.
///
/// Units: descriptors.
/// Errors: none.
/// Threads: any.
namespace fendmail::app {

/// @param addresses on which each worker listens
[[nodiscard]] std::size_t own_descriptors(const runtime_config& config, const io::server_book& book,
                                          std::size_t workers, std::size_t addresses);

} // namespace fendmail::app

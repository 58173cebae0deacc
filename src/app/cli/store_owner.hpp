// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/config.hpp"

/// For commands that open the store beside the running fendmail.
namespace fendmail::app {

/// Root must not leave a store behind that fendmail's user cannot write: becomes the user of the
/// configuration, or the one that the store, or its directory, belongs to. Not as root it does
/// nothing.
/// @throws std::runtime_error
void become_store_owner(const startup_config& config);

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/config.hpp"

namespace fendmail::app {

/// Prints what is done about clients that come too often or do too much, and about suspects; of
/// what is off nothing.
void print_abuse(const runtime_config& config);

} // namespace fendmail::app

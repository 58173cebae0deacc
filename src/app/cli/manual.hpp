// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "command_facts.hpp"

#include <string>
#include <vector>

namespace fendmail::app {

/// fendmail(8), as roff.
[[nodiscard]] std::string program_manual(const std::vector<command_facts>& all);

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>

namespace fendmail::io {

/// Variables of an environment, by name.
using variable_map = std::map<std::string, std::string, std::less<>>;

/// The environment of this process. Of a name that is there twice the first one, as getenv() has
/// it.
[[nodiscard]] variable_map environment_variables();

} // namespace fendmail::io

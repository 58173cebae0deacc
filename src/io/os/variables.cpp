// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/os/variables.hpp"

#include <string_view>
#include <unistd.h>

namespace fendmail::io {

variable_map environment_variables()
{
    variable_map out;
    for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
        const std::string_view text{*at};
        const auto end = text.find('=');
        if (end != std::string_view::npos) out.emplace(text.substr(0, end), text.substr(end + 1));
    }
    return out;
}

} // namespace fendmail::io

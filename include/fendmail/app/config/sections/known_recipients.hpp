// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/time.hpp"

#include <cstddef>
#include <filesystem>
#include <vector>

/// Section [known_recipients]: hosts that take our outgoing mail, from the logs of mail servers.
namespace fendmail::app {

struct known_recipients_options {
    static constexpr std::size_t logs_max = 8;

    std::vector<std::filesystem::path> logs; ///< none = off
    seconds ttl = std::chrono::days{30};     ///< from the last mail that a host took

    friend bool operator==(const known_recipients_options&,
                           const known_recipients_options&) = default;
};

} // namespace fendmail::app

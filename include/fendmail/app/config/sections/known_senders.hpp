// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/key_facts.hpp"
#include "fendmail/core/time.hpp"

#include <string>
#include <vector>

/// Section [known_senders]: addresses of senders from the SPF records of their domains.
namespace fendmail::app {

struct known_senders_options {
    std::vector<std::string> domains; ///< canonical
    seconds refresh = std::chrono::hours{6};
    seconds max_age = std::chrono::days{14};
};

} // namespace fendmail::app

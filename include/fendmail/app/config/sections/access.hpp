// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

/// What [access] says besides its rules, which are an acl::access_list.
namespace fendmail::app {

/// Where a rule stands, for an admin who asks why a client is treated as it is.
struct rule_source {
    std::string place;            ///< "FILE:LINE", "environment FENDMAIL_ACCESS_RULES" or "default"
    std::filesystem::path file{}; ///< with its networks, as it is opened; empty = the rule has one
};

} // namespace fendmail::app

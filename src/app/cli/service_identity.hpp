// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/config.hpp"

#include <string>
#include <vector>

/// The user that the service runs as: what has to be known to try what it will need.
///
/// Source: org.freedesktop.systemd1(5), systemd.exec(5).
/// Errors: none; where systemd cannot be asked, the user that the shipped unit names.
namespace fendmail::app {

struct service_identity {
    std::string user; ///< "" = that of this process
    std::vector<std::string> groups;
    bool binds_as_root = false; ///< or with CAP_NET_BIND_SERVICE, which is as good
    std::string source;         ///< what says so, for people

    friend bool operator==(const service_identity&, const service_identity&) = default;
};

/// What the command line says comes first, then the configuration (`server.user`), then systemd.
/// @param user of the command line; "" = none
[[nodiscard]] service_identity find_service_identity(const std::string& user,
                                                     const std::vector<std::string>& groups,
                                                     const startup_config& startup);

} // namespace fendmail::app

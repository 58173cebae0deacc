// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/keys.hpp"

#include <array>

/// The keys of [admin]. Private to keys.cpp, which would be too long with them.
namespace fendmail::app {

inline constexpr std::array admin_keys{
    key{.section = "admin",
        .name = "listen",
        .default_toml = R"("127.0.0.1:8025")",
        .doc = "Where /livez, /readyz and `fendmail healthcheck` are answered: \"address:port\" or "
               "\"unix:/path\"; \"\" = off.",
        .reloadable = false},
    key{.section = "admin",
        .name = "ready_without_backend",
        .type = key_type::boolean,
        .default_toml = "false",
        .doc = "Say ready although the backend could not take the last client. For a host whose "
               "supervisor would restart fendmail for that, or takes it out of service though "
               "nobody else is there."},
};

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/admin/http.hpp"
#include "fendmail/app/cli/cli.hpp"
#include "fendmail/app/config/load.hpp"

#include <cstdio>
#include <fmt/format.h>

namespace fendmail::app {

int cli_healthcheck(const std::string& config_path)
{
    const auto found = load_config(config_path, "localhost");
    if (!found.value) {
        for (const auto& problem : found.problems)
            fmt::print(stderr, "{}\n", to_text(problem));
        return exit_failure;
    }
    const auto& address = found.value->startup.admin_listen;
    if (address.empty()) {
        fmt::print(stderr, "{}: admin.listen is \"\", so there is nobody to ask\n", config_path);
        return exit_failure;
    }
    const auto failure = ask_readiness(address);
    if (failure.empty()) {
        fmt::print("ready\n");
        return exit_ok;
    }
    fmt::print(stderr, "not ready: {}\n", failure);
    return exit_failure;
}

} // namespace fendmail::app

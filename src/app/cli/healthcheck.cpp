// SPDX-License-Identifier: Apache-2.0
#include "command_set.hpp"
#include "commands.hpp"
#include "fendmail/app/admin/client.hpp"
#include "fendmail/app/cli/cli.hpp"
#include "read_config.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <string>

namespace fendmail::app {

namespace {

int ask_health(const std::string& config_path)
{
    const auto found = read_config_or_tell(config_path, "localhost");
    if (!found) return exit_failure;
    const auto& address = found->startup.admin.listen;
    if (!address) {
        fmt::print(stderr, "{}: admin.listen is \"\", so there is nobody to ask\n", config_path);
        return exit_failure;
    }
    const auto failure = ask_readiness(*address);
    if (failure.empty()) {
        fmt::print("ready\n");
        return exit_ok;
    }
    fmt::print(stderr, "not ready: {}\n", failure);
    return exit_failure;
}

} // namespace

void add_healthcheck(command_set& all)
{
    const auto config_path = std::make_shared<std::string>(default_config_path);
    take_config_by_place(all.add("healthcheck",
                                 "Ask the running fendmail whether it serves (through "
                                 "admin.listen). Exit code 0: yes.",
                                 [config_path] { return ask_health(*config_path); }),
                         *config_path);
}

} // namespace fendmail::app

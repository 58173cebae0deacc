// SPDX-License-Identifier: Apache-2.0
#include "command_set.hpp"

#include <CLI/CLI.hpp>
#include <utility>

namespace fendmail::app {

CLI::App& command_set::add(const char* name, const char* what, std::function<int()> act)
{
    CLI::App* command = app_.add_subcommand(name, what);
    command->callback([this, act = std::move(act)] { chosen_ = act; });
    return *command;
}

void take_config(CLI::App& command, std::string& path)
{
    command.add_option("-c,--config", path, "Configuration file")
        ->type_name("FILE")
        ->capture_default_str();
}

void take_config_by_place(CLI::App& command, std::string& path)
{
    take_config(command, path);
    command.add_option("FILE", path, "The same as --config FILE")
        ->type_name("")
        ->excludes("--config");
}

} // namespace fendmail::app

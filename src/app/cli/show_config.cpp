// SPDX-License-Identifier: Apache-2.0
#include "command_set.hpp"
#include "commands.hpp"
#include "fendmail/app/cli/cli.hpp"
#include "fendmail/app/config/effective.hpp"
#include "fendmail/io/os/privilege.hpp"
#include "read_config.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <string>

namespace fendmail::app {

namespace {

struct show_request {
    std::string config_path = default_config_path;
    bool as_json = false;
    bool only_set = false;
};

int show(const show_request& request)
{
    const auto found = read_config(request.config_path, io::host_name());
    print_problems(found);
    if (!found.value) return exit_failure;
    if (request.as_json)
        fmt::print("{}\n", effective_json(request.config_path, found.keys, request.only_set));
    else
        fmt::print("{}", effective_toml(found.keys, request.only_set));
    return std::fflush(stdout) == 0 ? exit_ok : exit_failure;
}

} // namespace

void add_config(command_set& all)
{
    const auto wanted = std::make_shared<show_request>();
    CLI::App& command =
        all.add("config",
                "Print the configuration that a start would have: every key with its value and "
                "where that comes from, a file and its line, the environment or the default. It "
                "is a configuration file itself; keys of lists are left out of it.",
                [wanted] { return show(*wanted); });
    take_config_by_place(command, wanted->config_path);
    command.add_flag("--json", wanted->as_json, "One JSON object in place of the file");
    command.add_flag("-n,--set", wanted->only_set, "Only what is set, and no defaults");
}

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#include "command_set.hpp"
#include "commands.hpp"
#include "fendmail/app/cli/cli.hpp"
#include "fendmail/app/config/keys.hpp"

#include <fmt/format.h>

// Commands that only print what the program is made of.
namespace fendmail::app {

void add_defaults(command_set& all)
{
    all.add("defaults", "Print a configuration file with every key at its default.", [] {
        fmt::print("{}", default_config_text());
        return exit_ok;
    });
}

void add_reference(command_set& all)
{
    all.add("reference", "Print the reference of all configuration keys as Markdown.", [] {
        fmt::print("{}", configuration_markdown());
        return exit_ok;
    });
}

void add_version(command_set& all)
{
    all.add("version", "Print the version.", [] {
        fmt::print("fendmail {}\n", FENDMAIL_VERSION);
        return exit_ok;
    });
}

} // namespace fendmail::app

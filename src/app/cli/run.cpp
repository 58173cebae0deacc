// SPDX-License-Identifier: Apache-2.0
#include "command_set.hpp"
#include "commands.hpp"
#include "fendmail/app/cli/cli.hpp"
#include "fendmail/app/server/server.hpp"
#include "fendmail/io/os/privilege.hpp"
#include "fendmail/io/os/program.hpp"
#include "read_config.hpp"

#include <CLI/CLI.hpp>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace fendmail::app {

namespace {

int run(const std::string& config_path, const std::string& takeover)
{
    // Relative to where it was started: a reload must find the same file.
    const auto path = std::filesystem::absolute(config_path);
    const auto hostname = io::host_name();
    std::optional<predecessor> before;
    if (!takeover.empty()) {
        io::go_on_in_child();
        before.emplace(takeover);
    }
    auto first = read_config(path, hostname);
    print_problems(first);
    if (!first.value) {
        if (before) before->tell_failed(to_text(first.problems.front()));
        return exit_failure;
    }
    try {
        server one{std::move(first), path.string(),
                   [path, hostname] { return read_config(path, hostname); },
                   before ? &*before : nullptr};
        one.run();
    } catch (const std::exception& e) {
        if (before) before->tell_failed(e.what());
        throw;
    }
    return exit_ok;
}

} // namespace

void add_run(command_set& all)
{
    const auto config_path = std::make_shared<std::string>(default_config_path);
    const auto takeover = std::make_shared<std::string>();
    CLI::App& command =
        all.add("run",
                "Serve. SIGHUP reloads, SIGUSR1 opens the log anew, SIGTERM stops in order, a "
                "second one at once.",
                [config_path, takeover] { return run(*config_path, *takeover); });
    take_config_by_place(command, *config_path);
    command
        .add_option("--takeover", *takeover,
                    "Take the listening sockets over from the fendmail with this admin socket, as "
                    "`fendmail upgrade` does")
        ->type_name("FILE");
}

} // namespace fendmail::app

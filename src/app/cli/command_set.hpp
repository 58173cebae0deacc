// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

namespace CLI {
class App;
} // namespace CLI

/// What subcommands are added to. Each has a function in the file of its own (commands.hpp) that
/// says how it is called and what it does; help, man page and completion are made of that.
///
/// Options with the type name FILE, DIR, USER or GROUP, and positional ones of that name, are
/// completed with what there is of these; those with a CLI::IsMember with its members.
///
/// Memory: an option writes where its command says, so that has to live as long as the command:
/// in what `act` holds.
/// Errors: what CLI11 throws when a name is taken.
/// Threads: one.
namespace fendmail::app {

class command_set {
public:
    explicit command_set(CLI::App& app)
        : app_{app}
    {
    }

    /// @param act called when the whole command line is understood; returns the exit code
    CLI::App& add(const char* name, const char* what, std::function<int()> act);

    /// The program, with the commands that are there by then.
    [[nodiscard]] const CLI::App& app() const noexcept { return app_; }

    /// Does what the command line asked for.
    /// @pre it has been parsed
    [[nodiscard]] int run_chosen() const { return chosen_(); }

private:
    CLI::App& app_;
    std::function<int()> chosen_;
};

/// -c, --config
void take_config(CLI::App& command, std::string& path);
/// Of commands that take nothing but a configuration, its name alone will do.
void take_config_by_place(CLI::App& command, std::string& path);

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/cli/cli.hpp"

#include "command_set.hpp"
#include "commands.hpp"
#include "fendmail/app/config/nearest.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <string>
#include <string_view>
#include <vector>

namespace fendmail::app {

namespace {

std::vector<std::string_view> names_in(const CLI::App& app)
{
    std::vector<std::string_view> out;
    for (const CLI::App* command : app.get_subcommands(nullptr))
        out.emplace_back(command->get_name());
    return out;
}

/// What was meant instead of a subcommand that there is not.
std::string unknown_subcommand(std::string_view word, const std::vector<std::string_view>& known)
{
    const std::string_view meant = nearest(word, known);
    return fmt::format("fendmail: there is no subcommand \"{}\"{}\nThere are: {}\n", word,
                       meant.empty() ? "" : fmt::format("; did you mean \"{}\"?", meant),
                       fmt::join(known, ", "));
}

/// "help" and "help SUBCOMMAND" are "--help" and "SUBCOMMAND --help".
/// @return from the last word to the first, as CLI11 takes them
std::vector<std::string> reversed_words(int argc, char** argv)
{
    std::vector<std::string> words{argv + std::min(argc, 1), argv + argc};
    if (!words.empty() && words.front() == "help") {
        words.erase(words.begin());
        words.emplace_back("--help");
    }
    std::ranges::reverse(words);
    return words;
}

int run_words(std::vector<std::string> words)
{
    CLI::App app{"Keeps spam bots away from any mail server: stands on port 25 in front of it, "
                 "screens new clients and hands the clean ones over.",
                 "fendmail"};
    app.require_subcommand(1);
    app.failure_message(CLI::FailureMessage::help);
    app.set_version_flag("-V,--version", std::string("fendmail ") + FENDMAIL_VERSION);
    command_set all{app};
    for (const auto add : commands)
        add(all);
    const auto known = names_in(app);
    if (!words.empty() && !words.back().starts_with('-') &&
        std::ranges::find(known, words.back()) == known.end()) {
        fmt::print(stderr, "{}", unknown_subcommand(words.back(), known));
        return exit_usage;
    }
    try {
        app.parse(std::move(words));
    } catch (const CLI::ParseError& e) {
        return app.exit(e) == 0 ? exit_ok : exit_usage;
    }
    return all.run_chosen();
}

} // namespace

int run_cli(int argc, char** argv) noexcept
{
    try {
        return run_words(reversed_words(argc, argv));
    } catch (const std::exception& e) {
        std::fprintf(stderr, "fendmail: %s\n", e.what());
        return exit_failure;
    }
}

} // namespace fendmail::app

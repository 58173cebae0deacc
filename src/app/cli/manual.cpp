// SPDX-License-Identifier: Apache-2.0
#include "manual.hpp"

#include "command_set.hpp"
#include "commands.hpp"
#include "fendmail/app/cli/cli.hpp"
#include "fendmail/app/config/keys.hpp"
#include "fendmail/app/config/manual.hpp"
#include "fendmail/app/config/sections/admin.hpp"
#include "fendmail/core/text/roff.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace fendmail::app {

namespace {

struct row {
    std::string_view name;
    std::string_view what;
};

constexpr row exit_codes[] = {
    {"0", "Done; of a question: yes."},
    {"1", "It did not work, or the answer is no. The reason is on standard error."},
    {"2", "Wrong usage."},
};

constexpr row signals[] = {
    {"SIGHUP", "Of `fendmail run`, as the others: read the configuration again. With a mistake in "
               "it the old one stays, and the log "
               "has every error. New sessions use the new one, running ones keep theirs. Before "
               "that a log file is opened anew."},
    {"SIGUSR1", "Open a log file anew, and nothing else: for logrotate(8)."},
    {"SIGTERM, SIGINT",
     "Accept no more, tell clients that are screened to come back (421), and let sessions that "
     "the mail server has finish for `server.stop_timeout`. A second one ends them at once."},
};

constexpr row variables[] = {
    {"FENDMAIL_SECTION_KEY",
     "A key of the configuration, above the files: `FENDMAIL_BACKEND_ADDRESS` is "
     "`backend.address`. See fendmail.toml(5)."},
    {"NOTIFY_SOCKET, JOURNAL_STREAM", "Set by systemd(1): where the state of the service is told, "
                                      "and whether standard error is the journal."},
};

std::string synopsis_of(const command_facts& command)
{
    std::string out = fmt::format("fendmail {}", command.path);
    std::string last;
    for (const option_facts& option : command.options) {
        if (!option.is_positional()) continue;
        const auto value = fmt::format("{}{}", option.value, option.repeats ? " ..." : "");
        last += option.is_required ? " " + value : fmt::format(" [{}]", value);
    }
    if (!command.below.empty()) last += " COMMAND";
    const bool has_options = !std::ranges::all_of(command.options, &option_facts::is_positional);
    return fmt::format("{}{}{}", out, has_options ? " [OPTIONS]" : "", last);
}

void add_option(roff_page& page, const option_facts& option)
{
    std::string term =
        option.is_positional() ? option.value : fmt::format("{}", fmt::join(option.names, ", "));
    if (!option.is_positional() && !option.value.empty()) term += fmt::format(" {}", option.value);
    std::string what = option.what;
    if (!what.ends_with('.')) what += '.';
    if (!option.choices.empty())
        what += fmt::format(" One of: {}.", fmt::join(option.choices, ", "));
    if (!option.range.empty()) what += fmt::format(" From {}.", option.range);
    if (!option.default_value.empty()) what += fmt::format(" Default: {}", option.default_value);
    page.entry(term, what);
}

void add_rows(roff_page& page, std::string_view heading, std::span<const row> rows)
{
    page.heading(heading);
    for (const row& one : rows)
        page.entry(one.name, one.what);
}

void add_files(roff_page& page)
{
    page.heading("FILES");
    page.entry(default_config_path, "The configuration, and conf.d/*.toml beside it.");
    const std::string_view store = find_key("store", "path")->default_toml;
    page.entry(store.substr(1, store.size() - 2), // without its quotes
               "The clients that passed, with `store.kind` \"lmdb\".");
    page.entry(admin_place::default_socket, "Where the running fendmail answers commands.");
}

int print_manual(const std::string& section, const command_set& all)
{
    fmt::print("{}", section == "5" ? configuration_manual() : program_manual(facts_of(all.app())));
    return std::fflush(stdout) == 0 ? exit_ok : exit_failure;
}

} // namespace

std::string program_manual(const std::vector<command_facts>& all)
{
    roff_page page{"fendmail", 8, "fendmail " FENDMAIL_VERSION};
    page.heading("NAME");
    page.paragraph("fendmail - keeps spam bots away from any mail server");
    page.heading("SYNOPSIS");
    page.paragraph("**fendmail** COMMAND [OPTIONS]");
    page.heading("DESCRIPTION");
    const command_facts& program = all.front();
    page.paragraph(program.what);
    page.paragraph("`fendmail COMMAND --help` tells what stands here of one command.");
    for (const option_facts& option : program.options)
        add_option(page, option);
    page.heading("COMMANDS");
    for (const command_facts& command : all) {
        if (command.path.empty()) continue;
        page.subheading(synopsis_of(command));
        page.paragraph(command.what);
        for (const option_facts& option : command.options)
            add_option(page, option);
    }
    add_rows(page, "SIGNALS", signals);
    add_rows(page, "EXIT STATUS", exit_codes);
    add_rows(page, "ENVIRONMENT", variables);
    add_files(page);
    page.heading("SEE ALSO");
    page.paragraph("fendmail.toml(5), postscreen(8), systemd.service(5)");
    return page.text();
}

void add_man(command_set& all)
{
    const auto section = std::make_shared<std::string>();
    all.add("man",
            "Print a manual page as roff: 8 is fendmail(8), 5 is fendmail.toml(5). "
            "`fendmail man 5 | man -l -` shows it.",
            [section, &all] { return print_manual(*section, all); })
        .add_option("SECTION", *section, "Which of them")
        ->check(CLI::IsMember({"5", "8"}))
        ->required();
}

} // namespace fendmail::app

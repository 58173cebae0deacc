// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/cli/cli.hpp"

#include "fendmail/app/config/keys.hpp"
#include "fendmail/app/config/nearest.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace fendmail::app {

namespace {

int print_version()
{
    fmt::print("fendmail {}\n", FENDMAIL_VERSION);
    return exit_ok;
}

struct command_line {
    CLI::App app{"Keeps spam bots away from any mail server: stands on port 25 in front of it, "
                 "screens new clients and hands the clean ones over.",
                 "fendmail"};
    std::string config_path = default_config_path;
    std::string listen = "127.0.0.1:2525";
    check_request checking;
    migrate_request migration;
    std::string cache_dump;
    bool asks_lists = false;
    std::function<int()> chosen;

    command_line()
    {
        app.require_subcommand(1);
        app.failure_message(CLI::FailureMessage::help);
        app.set_version_flag("-V,--version", std::string("fendmail ") + FENDMAIL_VERSION);
        take_config_by_place(*add(
            "run",
            "Serve. SIGHUP reloads, SIGUSR1 opens the log anew, SIGTERM stops in order, a second "
            "one at once.",
            [this] { return cli_run(config_path); }, true));
        add_check();
        take_config_by_place(*add(
            "known-senders",
            "Show the domains of known_senders.spf, how many networks each has, and how old they "
            "are.",
            [this] { return cli_known_senders(config_path); }, true));
        auto* demo = add(
            "demo",
            "Try fendmail without a mail server, DNS or rights: a mail sink and a "
            "block list are built in.",
            [this] { return cli_demo(listen); }, false);
        demo->add_option("-l,--listen", listen, "Where to listen")->capture_default_str();
        take_config_by_place(*add(
            "healthcheck",
            "Ask the running fendmail whether it serves (through admin.listen). Exit code 0: yes.",
            [this] { return cli_healthcheck(config_path); }, true));
        add(
            "defaults", "Print a configuration file with every key at its default.",
            [] {
                fmt::print("{}", default_config_text());
                return exit_ok;
            },
            false);
        add(
            "reference", "Print the reference of all configuration keys as Markdown.",
            [] {
                fmt::print("{}", configuration_markdown());
                return exit_ok;
            },
            false);
        add_migrate();
        add("version", "Print the version.", print_version, false);
    }

    void add_check()
    {
        auto* check = add(
            "check", "Check the configuration and bind nothing. Exit code 0: it can be used.",
            [this] {
                checking.config_path = config_path;
                const int status = cli_check(checking);
                return status == exit_ok && asks_lists ? cli_check_lists(config_path) : status;
            },
            true);
        take_config_by_place(*check);
        check->add_flag("--as-service", checking.as_service,
                        "Also try what a start needs, as the user and with the groups of "
                        "fendmail.service (or of server.user): files, ports, the backend");
        check->add_flag("--lists", asks_lists,
                        "Also ask each list for its test entries, through its resolvers; exit code "
                        "1 if one does not answer as it should");
        check->add_option("--user", checking.user, "As this user instead");
        check->add_option("--groups", checking.groups, "With these groups besides the user's own")
            ->delimiter(',')
            ->needs("--user");
    }

    void add_migrate()
    {
        auto* migrate = add(
            "migrate",
            "Make fendmail.toml from Postfix's main.cf and master.cf, or the output of "
            "`postconf -n` and `postconf -M` (or -F, or with -j); what needs a decision is told on "
            "standard error. With --cache: bring over the clients that postscreen knows.",
            [this] {
                return cache_dump.empty() ? cli_migrate(migration)
                                          : cli_migrate_cache(cache_dump, config_path);
            },
            true);
        migrate->add_option("FILE", migration.files,
                            "main.cf, master.cf, or what postconf prints; - = standard input");
        migrate->add_option("--config-dir", migration.config_directory,
                            "What $config_directory stands for, and where the tables below "
                            "/etc/postfix are; where main.cf is if not given");
        migrate->add_option("--output", migration.output_directory,
                            "Write fendmail.toml and access files into this directory");
        migrate->add_flag("--force", migration.overwrites, "Overwrite files there");
        migrate->add_flag("--tables", migration.renews_tables,
                          "Only renew the access files in --output whose tables have changed");
        migrate
            ->add_option("--map", migration.maps,
                         "FROM=TO: tables that main.cf names below FROM are below TO here")
            ->allow_extra_args(false);
        migrate->add_option("--service", migration.service,
                            "Which postscreen of master.cf, by its first column; that of port 25 "
                            "if not given");
        migrate
            ->add_option("--cache", cache_dump,
                         "Instead: put the clients that postscreen knows into the store of "
                         "--config; the output of `postmap -s` for postscreen_cache_map")
            ->excludes("FILE");
        migrate->add_flag("--table", migration.shows_table,
                          "Only print what becomes of each parameter, as Markdown");
        migrate->add_flag("--parameters", migration.shows_parameters,
                          "Only print the parameters that postscreen obeys, expanded");
    }

    CLI::App* add(const char* name, const char* what, std::function<int()> act, bool needs_config)
    {
        CLI::App* sub = app.add_subcommand(name, what);
        if (needs_config)
            sub->add_option("-c,--config", config_path, "Configuration file")
                ->capture_default_str();
        return on_choice(*sub, std::move(act));
    }

    CLI::App* on_choice(CLI::App& sub, std::function<int()> act)
    {
        sub.callback([this, act = std::move(act)] { chosen = act; });
        return &sub;
    }

    /// For whom a configuration is all there is to name, its name alone will do.
    void take_config_by_place(CLI::App& sub)
    {
        sub.add_option("FILE", config_path, "The same as --config FILE")->excludes("--config");
    }

    [[nodiscard]] std::vector<std::string_view> names() const
    {
        std::vector<std::string_view> out;
        for (const CLI::App* sub : app.get_subcommands(nullptr))
            out.emplace_back(sub->get_name());
        return out;
    }
};

} // namespace

namespace {

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

} // namespace

int run_cli(int argc, char** argv) noexcept
{
    try {
        command_line line;
        auto words = reversed_words(argc, argv);
        const auto known = line.names();
        if (!words.empty() && !words.back().starts_with('-') &&
            std::ranges::find(known, words.back()) == known.end()) {
            fmt::print(stderr, "{}", unknown_subcommand(words.back(), known));
            return exit_usage;
        }
        try {
            line.app.parse(std::move(words));
        } catch (const CLI::ParseError& e) {
            return line.app.exit(e) == 0 ? exit_ok : exit_usage;
        }
        return line.chosen();
    } catch (const std::exception& e) {
        std::fprintf(stderr, "fendmail: %s\n", e.what());
        return exit_failure;
    }
}

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#include "command_set.hpp"
#include "commands.hpp"
#include "fendmail/app/cli/cli.hpp"
#include "fendmail/app/migrate/convert.hpp"
#include "fendmail/app/migrate/parameter_table.hpp"
#include "migrate_parts.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fmt/format.h>
#include <iostream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace fendmail::app {

namespace {

namespace fs = std::filesystem;

struct migrate_request {
    std::string config_path = default_config_path; ///< whose store gets the clients of `cache`
    std::string cache;              ///< only import this; "" = convert the configuration
    std::vector<std::string> files; ///< "-" = standard input, which is also what none means
    std::string config_directory;   ///< "" = where main.cf is, or /etc/postfix
    std::string output_directory;   ///< "" = standard output
    std::vector<std::string> maps;  ///< "FROM=TO": where directories that main.cf names are here
    std::string service;            ///< the postscreen to convert; "" = that of port 25
    bool renews_tables = false;     ///< only the access files in the output directory
    bool overwrites = false;
    bool shows_parameters = false; ///< as Postfix expands them, and nothing else
    bool shows_table = false;      ///< the table of docs/from-postscreen.md, and nothing else
};

constexpr const char* postfix_directory = "/etc/postfix";

std::vector<postscreen::input_file> read_inputs(const std::vector<std::string>& names)
{
    std::vector<postscreen::input_file> out;
    for (const std::string& name : names) {
        if (name == "-") {
            std::cin >> std::noskipws;
            out.push_back({name, {std::istreambuf_iterator<char>{std::cin}, {}}});
            continue;
        }
        std::string why;
        auto text = read_whole(name, why);
        if (!text) throw std::runtime_error(fmt::format("cannot read {}: {}", name, why));
        out.push_back({name, std::move(*text)});
    }
    return out;
}

/// The directory of the first main.cf or master.cf that was named, or nothing.
std::string directory_of(const std::vector<std::string>& names)
{
    for (const std::string& name : names) {
        const fs::path path{name};
        if (path.filename() == "main.cf" || path.filename() == "master.cf")
            return fs::absolute(path).lexically_normal().parent_path().string();
    }
    return {};
}

/// Where Postfix's own files are, whatever the instance is called.
bool is_where_systems_keep_it(const std::string& directory)
{
    const std::string path = fs::absolute(directory).lexically_normal().string();
    return path.starts_with("/etc/") || path.starts_with("/usr/");
}

table_places places_of(const migrate_request& request, const std::vector<std::string>& names,
                       const postscreen::sources& from)
{
    const std::string beside = directory_of(names);
    const bool is_given = !request.config_directory.empty();
    const std::string base = is_given          ? request.config_directory
                             : !beside.empty() ? beside
                                               : std::string(postfix_directory);
    const bool is_own = (is_given || !beside.empty()) && is_where_systems_keep_it(base);
    table_places out{base, is_given, is_own};
    for (const std::string& text : request.maps)
        out.map(text);
    const auto written = from.main.find("config_directory");
    if (written != from.main.end()) out.add_instance(written->second.text);
    const auto queue = from.main.find("queue_directory");
    if (queue != from.main.end()) out.set_queue_directory(queue->second.text);
    return out;
}

void print_remarks(const std::vector<postscreen::remark>& remarks)
{
    for (const postscreen::remark& r : remarks)
        fmt::print(stderr, "{}\n", to_text(r));
}

/// Whether any of it says something about postscreen.
bool is_configuration(const postscreen::sources& from)
{
    return from.has_master || std::ranges::any_of(from.main, [](const auto& set) {
               return postscreen::find_parameter(set.first) != nullptr;
           });
}

void demand_service(const postscreen::sources& from, const std::string& wanted)
{
    if (wanted.empty() || postscreen::find_postscreen(from, wanted) != nullptr) return;
    std::string there;
    for (const auto& s : from.services)
        if (s.type == "inet" && s.command == "postscreen")
            there += fmt::format("{}{}", there.empty() ? "" : ", ", s.name);
    throw std::runtime_error(fmt::format("--service {}: there is no such postscreen; there is {}",
                                         wanted, there.empty() ? "none" : there));
}

/// Twice where that is needed: only after a reading is it known whose tables they are.
postscreen::migration convert_all(const postscreen::sources& from,
                                  const std::vector<std::string>& names, table_places& places,
                                  postscreen::conversion_options& options)
{
    const auto host = ask_host();
    const auto read = [&](const std::string& path, std::string& why) {
        return places.read(path, why);
    };
    auto made = postscreen::convert(from, names, host, read, options);
    if (places.foreign().empty()) return made;
    std::string files;
    for (const std::string& path : places.foreign())
        files += (files.empty() ? "" : ", ") + path;
    options.notes.push_back(
        fmt::format("{}: read from this machine, though the configuration may be another's. If it "
                    "is: --config-dir DIR, or --map FROM=TO, say where its files are",
                    files));
    return postscreen::convert(from, names, host, read, options);
}

int migrate(const migrate_request& request)
try {
    if (request.shows_table) {
        fmt::print("{}", postscreen::parameters_markdown());
        return exit_ok;
    }
    if (request.renews_tables && request.output_directory.empty())
        throw std::runtime_error("--tables needs --output DIR: where the access files are");
    auto names = request.files;
    if (names.empty()) names.emplace_back("-");
    const auto inputs = read_inputs(names);
    const auto from = postscreen::read_sources(inputs);
    if (!is_configuration(from)) {
        print_remarks(from.remarks);
        throw std::runtime_error("nothing of postscreen was found, neither a parameter that it "
                                 "obeys nor a service; give main.cf and master.cf, or the output "
                                 "of `postconf -n` and `postconf -M`");
    }
    demand_service(from, request.service);
    postscreen::conversion_options options;
    const std::string beside = directory_of(names);
    if (!request.config_directory.empty())
        options.config_directory = request.config_directory;
    else if (!beside.empty())
        options.config_directory = beside;
    options.service = request.service;
    options.writes_files = !request.output_directory.empty();
    if (options.writes_files) {
        auto directory = fs::absolute(request.output_directory).lexically_normal();
        if (!directory.has_filename()) directory = directory.parent_path(); // "DIR/"
        options.output_directory = directory.string();
    }
    if (request.shows_parameters) {
        fmt::print("{}", postscreen::effective_parameters(from, ask_host(), options));
        return exit_ok;
    }
    auto places = places_of(request, names, from);
    const auto made = convert_all(from, names, places, options);
    if (request.renews_tables) {
        if (made.lacks_tables) print_remarks(made.remarks);
        // From cron, nothing new is nothing to say.
        if (renew_tables(made, options.output_directory)) print_remarks(made.remarks);
        return exit_ok;
    }
    print_remarks(made.remarks);
    if (options.writes_files)
        write_migration(made, request.output_directory, request.overwrites);
    else
        fmt::print("{}", made.toml);
    return std::fflush(stdout) == 0 ? exit_ok : exit_failure;
} catch (const std::exception& e) {
    fmt::print(stderr, "fendmail migrate: {}\n", e.what());
    return exit_failure;
}

void take_options(CLI::App& command, migrate_request& wanted)
{
    command
        .add_option("FILE", wanted.files,
                    "main.cf, master.cf, or what postconf prints; - = standard input")
        ->type_name("");
    command
        .add_option("--config-dir", wanted.config_directory,
                    "What $config_directory stands for, and where the tables below /etc/postfix "
                    "are; where main.cf is if not given")
        ->type_name("DIR");
    command
        .add_option("--output", wanted.output_directory,
                    "Write fendmail.toml and access files into this directory")
        ->type_name("DIR");
    command.add_flag("--force", wanted.overwrites, "Overwrite files there");
    command.add_flag("--tables", wanted.renews_tables,
                     "Only renew the access files in --output whose tables have changed");
    command
        .add_option("--map", wanted.maps,
                    "FROM=TO: tables that main.cf names below FROM are below TO here")
        ->type_name("FROM=TO")
        ->allow_extra_args(false);
    command
        .add_option("--service", wanted.service,
                    "Which postscreen of master.cf, by its first column; that of port 25 if not "
                    "given")
        ->type_name("NAME");
    command
        .add_option("--cache", wanted.cache,
                    "Instead: put the clients that postscreen knows into the store of --config; "
                    "the output of `postmap -s` for postscreen_cache_map")
        ->type_name("FILE")
        ->excludes("FILE");
    command.add_flag("--table", wanted.shows_table,
                     "Only print what becomes of each parameter, as Markdown");
    command.add_flag("--parameters", wanted.shows_parameters,
                     "Only print the parameters that postscreen obeys, expanded");
}

} // namespace

void add_migrate(command_set& all)
{
    const auto wanted = std::make_shared<migrate_request>();
    CLI::App& command =
        all.add("migrate",
                "Make fendmail.toml from Postfix's main.cf and master.cf, or the output of "
                "`postconf -n` and `postconf -M` (or -F, or with -j); what needs a decision is "
                "told on standard error. With --cache: bring over the clients that postscreen "
                "knows.",
                [wanted] {
                    return wanted->cache.empty()
                               ? migrate(*wanted)
                               : migrate_cache(wanted->cache, wanted->config_path);
                });
    take_config(command, wanted->config_path);
    take_options(command, *wanted);
}

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#include "command_set.hpp"
#include "commands.hpp"
#include "feed_files.hpp"
#include "fendmail/app/cli/cli.hpp"
#include "fendmail/core/limits.hpp"
#include "fendmail/core/units.hpp"
#include "fendmail/io/os/privilege.hpp"
#include "fendmail/io/os/whole_file.hpp"
#include "read_config.hpp"
#include "running.hpp"

#include <CLI/CLI.hpp>
#include <boost/json/value.hpp>
#include <cstdio>
#include <filesystem>
#include <fmt/format.h>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

namespace fendmail::app {

namespace json = boost::json;

namespace {

struct feed_request {
    running_request running; ///< of `list`
    std::string config_path = default_config_path;
    std::string name;
    std::string file;
    bool is_forced = false;
};

void show(const json::value& of)
{
    const auto& rows = array_at(of, "/feeds");
    if (rows.empty()) {
        fmt::print("no feed is configured\n");
        return;
    }
    fmt::print("{:<20} {:<9} {:>9} {:>9} {:>9} {:>9}  {}\n", "feed", "state", "entries", "left out",
               "old", "hits", "use");
    for (const auto& one : rows) {
        const seconds age{static_cast<seconds::rep>(count_at(one, "/age_seconds"))};
        fmt::print("{:<20} {:<9} {:>9} {:>9} {:>9} {:>9}  {}\n", text_at(one, "/feed"),
                   text_at(one, "/state"), count_at(one, "/entries"), count_at(one, "/left_out"),
                   age_text(age), count_at(one, "/hits"), text_at(one, "/use"));
        if (const auto error = text_at(one, "/error"); !error.empty())
            fmt::print("    {}: {}\n", text_at(one, "/file"), printable(error));
    }
}

/// How many entries the file has that is there now.
std::optional<std::size_t> entries_before(const feed_source& into,
                                          const feed::forbidden_networks& forbidden)
{
    if (const auto accepted = read_accepted(into.file)) return accepted->entries;
    const auto found = load_feed(into, into.file, forbidden, std::nullopt);
    return found.data ? std::optional{found.entries} : std::nullopt;
}

/// Null, and told, when there is none.
const feed_source* source_of(const feed_request& wanted, const config& in)
{
    const feed_source* const found = in.runtime.feeds.find(wanted.name);
    if (found == nullptr)
        fmt::print(stderr, "{}: there is no [feed.{}]\n", wanted.config_path, wanted.name);
    return found;
}

int refuse(const feed_request& wanted, const std::string& why)
{
    fmt::print(stderr, "feed {}: {} is not installed: {}\n", wanted.name, wanted.file, why);
    return exit_failure;
}

int install(const feed_request& wanted)
{
    const auto found = read_config_or_tell(wanted.config_path, io::host_name());
    if (!found) return exit_failure;
    const feed_source* const into = source_of(wanted, *found);
    if (into == nullptr) return exit_usage;
    const auto read = io::read_whole_file(wanted.file, limits::feed_file_octets);
    if (!read.text)
        return refuse(wanted, read.failure.empty() ? "there is no such file" : read.failure);
    const auto forbidden = forbidden_of(*found);
    const auto judged = judge_feed(*into, *read.text, *forbidden, entries_before(*into, *forbidden),
                                   wanted.is_forced);
    if (!judged.data) return refuse(wanted, judged.refusal);
    for (const auto& each : judged.without)
        fmt::print(stderr, "feed {}: {} entries are left out, which {}: {}{}\n", wanted.name,
                   each.count, words_of(each.why), to_text(each.example),
                   each.count > 1 ? " and others" : "");
    if (const auto why = put_feed(*into, *read.text, judged); !why.empty())
        return refuse(wanted, why);
    fmt::print("feed {}: {} entries, {} left out, in {}\n", wanted.name, judged.entries,
               judged.left_out(), into->file.string());
    return exit_ok;
}

/// The publisher has nothing newer: what is there counts as written now.
int renewed(const feed_request& wanted)
{
    const auto found = read_config_or_tell(wanted.config_path, io::host_name());
    if (!found) return exit_failure;
    const feed_source* const of = source_of(wanted, *found);
    if (of == nullptr) return exit_usage;
    const auto now = std::filesystem::file_time_type::clock::now();
    std::error_code failure;
    std::filesystem::last_write_time(of->file, now, failure);
    if (failure) {
        fmt::print(stderr, "feed {}: {}: {}\n", wanted.name, of->file.string(), failure.message());
        return exit_failure;
    }
    fmt::print("feed {}: unchanged, in {}\n", wanted.name, of->file.string());
    return exit_ok;
}

int list(const feed_request& wanted)
{
    return ask_running(wanted.running, admin_verb::get, "/api/v1/feeds", "", show);
}

} // namespace

void add_feed(command_set& all)
{
    const auto wanted = std::make_shared<feed_request>();
    const auto result = std::make_shared<int>(exit_ok);
    CLI::App& command =
        all.add("feed", "Networks from files that something renews: list, install, renewed.",
                [result] { return *result; });
    command.require_subcommand(1);
    CLI::App* const listing = command.add_subcommand(
        "list", "The feeds of the running fendmail: entries, how old they are, clients in them.");
    take_running(*listing, wanted->running);
    listing->callback([result, wanted] { *result = list(*wanted); });
    CLI::App* const installing = command.add_subcommand(
        "install", "Put a new file in the place of a feed's, if it is what it should be; a running "
                   "fendmail notices. Exit code 1: it is not, and the old one stays.");
    take_config(*installing, wanted->config_path);
    installing->add_option("NAME", wanted->name, "Of the feed: drop for [feed.drop]")
        ->type_name("")
        ->required();
    installing->add_option("FILE", wanted->file, "The new file")->type_name("")->required();
    installing->add_flag("--force", wanted->is_forced,
                         "Even if it has many more or fewer entries than the one before");
    CLI::App* const renewing = command.add_subcommand(
        "renewed", "Note that the publisher has nothing newer: the file counts as written now.");
    take_config(*renewing, wanted->config_path);
    renewing->add_option("NAME", wanted->name, "Of the feed")->type_name("")->required();
    renewing->callback([result, wanted] { *result = renewed(*wanted); });
    installing->callback([result, wanted] { *result = install(*wanted); });
}

} // namespace fendmail::app

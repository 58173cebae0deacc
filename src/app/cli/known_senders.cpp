// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/names/known_senders.hpp"

#include "command_set.hpp"
#include "commands.hpp"
#include "fendmail/app/cli/cli.hpp"
#include "fendmail/core/spf/sender_file.hpp"
#include "fendmail/core/text/time_text.hpp"
#include "fendmail/core/units.hpp"
#include "fendmail/io/os/clock.hpp"
#include "fendmail/io/os/privilege.hpp"
#include "fendmail/io/os/whole_file.hpp"
#include "read_config.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <string>

namespace fendmail::app {

namespace {

void print_sender(const std::string& domain, const spf::sender_file& file, std::size_t width)
{
    const auto found = std::ranges::find(file.senders, domain, &spf::known_sender::domain);
    if (found == file.senders.end()) {
        fmt::print("{:<{}}  not looked up yet\n", domain, width);
        return;
    }
    const auto age = io::wall_now() - found->refreshed_at;
    fmt::print("{:<{}}  {:>6} networks  {:>8} old  {}\n", domain, width, found->networks.size(),
               age_text(age), time_text(found->refreshed_at));
}

int show_senders(const std::string& config_path)
{
    const auto found = read_config_or_tell(config_path, io::host_name());
    if (!found) return exit_failure;
    const auto& domains = found->runtime.known_senders.domains;
    if (domains.empty()) {
        fmt::print("{}: known_senders.spf names no domain\n", config_path);
        return exit_ok;
    }
    const auto path = sender_file_of(found->startup);
    const auto read = io::read_whole_file(path);
    if (!read.failure.empty()) {
        fmt::print(stderr, "cannot read {}: {}\n", path.string(), read.failure);
        return exit_failure;
    }
    spf::sender_file file;
    if (read.text) file = spf::parse_sender_file(*read.text);
    if (file.bad_line != 0) {
        fmt::print(stderr, "{}:{}: damaged; fendmail writes it anew at its next refresh\n",
                   path.string(), file.bad_line);
        return exit_failure;
    }
    std::size_t width = 0;
    for (const auto& domain : domains)
        width = std::max(width, domain.size());
    for (const auto& domain : domains)
        print_sender(domain, file, width);
    if (read.text) fmt::print("their networks are in {}\n", path.string());
    return exit_ok;
}

} // namespace

void add_known_senders(command_set& all)
{
    const auto config_path = std::make_shared<std::string>(default_config_path);
    take_config_by_place(all.add("known-senders",
                                 "Show the domains of known_senders.spf, how many networks each "
                                 "has, and how old they are.",
                                 [config_path] { return show_senders(*config_path); }),
                         *config_path);
}

} // namespace fendmail::app

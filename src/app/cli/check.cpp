// SPDX-License-Identifier: Apache-2.0
#include "check_abuse.hpp"
#include "check_lists.hpp"
#include "check_start.hpp"
#include "command_set.hpp"
#include "commands.hpp"
#include "feed_files.hpp"
#include "fendmail/app/cli/check_resolvers.hpp"
#include "fendmail/app/cli/cli.hpp"
#include "fendmail/core/units.hpp"
#include "fendmail/io/log/writer.hpp"
#include "fendmail/io/os/log_follower.hpp"
#include "fendmail/io/os/privilege.hpp"
#include "fendmail/io/store/lmdb/store.hpp"
#include "read_config.hpp"
#include "service_identity.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

namespace fendmail::app {

namespace {

struct check_request {
    std::string config_path = default_config_path;
    bool as_service = false;         ///< also try what a start needs, as the service's user
    std::string user;                ///< instead of the service's; "" = that
    std::vector<std::string> groups; ///< supplementary ones of `user`
    bool asks_lists = false;
    bool is_online = false; ///< all of that, and a session with the backend
};

/// How one list is asked and watched, which the configuration and the built-in table say together.
std::string describe(const dnsbl::site_set::zone_entry& zone, const runtime_config& config)
{
    std::string text = fmt::format("list {}: ", zone.reply_name);
    const auto add = [&text](std::string_view what) {
        fmt::format_to(std::back_inserter(text), "{}", what);
    };
    if (config.dnsbl.test_interval == milliseconds{0}) {
        add("believed without tests");
    } else {
        add(fmt::format("tested every {}", fendmail::to_text(config.dnsbl.test_interval)));
        if (zone.lists_loopback)
            add(" for answers at all");
        else if (zone.entry == dnsbl::test_entry::untested)
            add(", without a test entry");
    }
    if (!zone.answers.errors.empty() || !zone.answers.only.empty())
        add(", its own error answers are known");
    const auto& resolvers = zone.resolvers.empty() ? config.resolvers : zone.resolvers;
    add(resolvers.empty() ? ", asked through the system's resolvers"
                          : fmt::format(", asked through {}", dns::to_text(resolvers)));
    add(fmt::format(", waited for {}",
                    fendmail::to_text(zone.timeout.value_or(config.dnsbl.timeout))));
    if (zone.max_questions)
        add(fmt::format(", asked at most {}", fendmail::to_text(*zone.max_questions)));
    return text;
}

/// What would be looked up; check itself asks no server.
void print_known_senders(const runtime_config& config)
{
    const auto& senders = config.known_senders;
    if (senders.domains.empty()) return;
    fmt::print("known senders: {}; looked up every {}; their clients skip {} tests\n",
               fmt::join(senders.domains, ", "), fendmail::to_text(milliseconds{senders.refresh}),
               to_string(config.screening.known_senders));
}

/// Tried as the user that fendmail will be.
void print_known_recipients(const runtime_config& config, const std::string& config_path)
{
    const auto& known = config.known_recipients;
    for (const auto& log : known.logs) {
        const auto why = io::why_not_followed(log);
        if (why.empty())
            fmt::print("known recipients: {} is followed; hosts that took mail skip {} tests for "
                       "{}\n",
                       log.string(), to_string(config.screening.known_recipients),
                       fendmail::to_text(milliseconds{known.ttl}));
        else
            fmt::print(stderr,
                       "{}: warning: known_recipients.logs: {} cannot be followed: {}; it is tried "
                       "again until it can be\n",
                       config_path, log.string(), why);
    }
}

void print_client_names(const runtime_config& config)
{
    const auto& names = config.screening.names;
    std::vector<std::string> parts;
    const auto add = [&](const char* name, int weight) {
        if (weight != 0) parts.push_back(fmt::format("{} {}", name, weight));
    };
    add("no_ptr", names.no_ptr);
    add("unconfirmed_ptr", names.unconfirmed_ptr);
    add("own_helo", names.own_helo);
    if (parts.empty()) return;
    fmt::print("client names: {}; the threshold is {}\n", fmt::join(parts, ", "),
               config.screening.dnsbl_threshold);
}

/// A rule that refuses no client is mostly a mistake; what was migrated may well have it on
/// purpose.
void warn_of_idle_rejects(const runtime_config& config, const std::string& config_path)
{
    if (config.screening.access_action == screen::action::ignore && config.access.has_rejects())
        fmt::print(stderr,
                   "{}: warning: access.action is \"ignore\": \"reject\" in access.rules refuses "
                   "nobody; such a client is logged (DENYLISTED) and tested like others\n",
                   config_path);
}

void print_deep_tests(const runtime_config& config)
{
    std::vector<std::string_view> enabled;
    for (const auto t : screen::all_tests)
        if (!screen::is_early(t) && config.screening.tests[t].enabled)
            enabled.push_back(screen::to_string(t));
    if (enabled.empty()) return;
    fmt::print("deep tests: {}; who passes {}\n", fmt::join(enabled, ", "),
               config.deep.relays() ? "goes on to the backend in the same session"
                                    : "gets a 450 and goes to the backend when it comes again");
}

/// Mostly a mistake on the port that mail comes to. On others an admin tries it out, or has a
/// balancer on this machine.
void warn_of_loopback(const startup_config& startup, const std::string& config_path)
{
    constexpr std::uint16_t smtp_port = 25;
    const auto& all = startup.server.listen;
    if (std::ranges::any_of(all, [](const endpoint& at) { return at.port == smtp_port; }) &&
        std::ranges::all_of(all, [](const endpoint& at) { return at.address.is_loopback(); }))
        fmt::print(stderr,
                   "{}: warning: server.listen: only this machine can connect; if mail comes from "
                   "outside, write the addresses that it comes to\n",
                   config_path);
}

/// What would not keep mail from flowing, but what it would flow without.
void warn_of_places(const config& found, const std::string& config_path)
{
    const startup_config& startup = found.startup;
    const io::log_destination& target = found.runtime.log.target;
    const auto as_service = [&](const std::filesystem::path& directory, auto look) {
        return io::ask_as(startup.server.user, startup.server.groups, directory, look);
    };
    // A supervisor that chooses the user makes the directory as well (StateDirectory=).
    const auto directory = startup.store.path.parent_path();
    const bool is_to_be_made =
        startup.server.user.empty() && ::geteuid() != 0 && !std::filesystem::exists(directory);
    if (startup.store.kind == store_kind::lmdb && !is_to_be_made) {
        const auto trouble =
            as_service(directory, [&] { return io::trouble_with_store(startup.store.path); });
        if (!trouble.empty())
            fmt::print(stderr,
                       "{}: warning: store.path: {}; until then clients are remembered in memory, "
                       "and tested again after a restart\n",
                       config_path, trouble);
    }
    const std::filesystem::path file = target.path.empty() ? "/" : target.path;
    const auto trouble =
        as_service(file.parent_path(), [&] { return io::trouble_with_log(target); });
    if (!trouble.empty())
        fmt::print(stderr, "{}: warning: log.target: {}; until then the log goes to stderr\n",
                   config_path, trouble);
}

/// An admin who hides a keyword for a flaw of the server should know where it shows all the same.
void warn_of_hidden_keywords(const runtime_config& config, const std::string& config_path)
{
    const auto& hidden = config.dialog.hide_ehlo;
    if (hidden.empty() && config.hide_ehlo_from.is_empty()) return;
    const auto warn = [&](std::string_view what) {
        fmt::print(stderr, "{}: warning: dialog.hide_ehlo: {}\n", config_path, what);
    };
    if (config.backend.kind == backend_kind::postfix_pass)
        return warn("postfix-pass gives clients that have passed to Postfix with their socket, and "
                    "they see what Postfix offers; hide the same there "
                    "(smtpd_discard_ehlo_keywords of the pass service)");
    if (std::ranges::find(hidden, "STARTTLS") == hidden.end())
        warn("a client that has passed and speaks TLS with the backend itself sees what the "
             "backend offers; hide the same there, or STARTTLS as well");
    if (std::ranges::find(hidden, "CHUNKING") != hidden.end() &&
        config.backend.data != backend_data::strict)
        warn("CHUNKING is hidden, but a client that has passed can use BDAT all the same; "
             "backend.data = \"strict\" refuses it");
}

/// What a start would end with although each value is a good one.
bool can_start(const startup_config& startup, const std::string& config_path)
{
    if (startup.server.user.empty() && startup.server.groups.empty()) return true;
    const auto why = io::why_cannot_become(startup.server.user, startup.server.groups);
    if (why) fmt::print(stderr, "{}: error: {}\n", config_path, *why);
    return !why;
}

/// Everything that only needs to be read.
/// @return nothing when it cannot be used
std::optional<config> check_file(const std::string& config_path)
{
    auto found = read_config(config_path, io::host_name());
    print_problems(found);
    if (!found.value) {
        const auto errors = std::count_if(found.problems.begin(), found.problems.end(),
                                          [](const problem& p) { return p.fatal; });
        fmt::print(stderr, "{}: {} error{}\n", config_path, errors, errors == 1 ? "" : "s");
        return std::nullopt;
    }
    const runtime_config& runtime = found.value->runtime;
    for (const auto& warning : lost_questions(runtime))
        fmt::print(stderr, "{}: warning: {}\n", config_path, warning);
    for (const auto& warning : refusing_lists(runtime))
        fmt::print(stderr, "{}: warning: {}\n", config_path, warning);
    for (const auto& zone : runtime.dnsbl_sites.zones)
        fmt::print("{}\n", describe(zone, runtime));
    print_known_senders(runtime);
    print_known_recipients(runtime, config_path);
    print_client_names(runtime);
    print_feeds(*found.value, config_path);
    print_abuse(runtime);
    print_deep_tests(runtime);
    if (const auto hazard = hazard_of_plain(runtime.backend); !hazard.empty())
        fmt::print(stderr, "{}: warning: {}\n", config_path, hazard);
    warn_of_idle_rejects(runtime, config_path);
    warn_of_hidden_keywords(runtime, config_path);
    warn_of_loopback(found.value->startup, config_path);
    warn_of_places(*found.value, config_path);
    if (!can_start(found.value->startup, config_path)) return std::nullopt;
    fmt::print("{}: ok\n", config_path);
    return std::move(found.value);
}

int check_as(const service_identity& who, const std::string& config_path, bool is_online)
{
    if (!who.user.empty()) io::become_user(who.user, who.groups);
    const auto found = check_file(config_path);
    if (!found) return exit_failure;
    const bool binds = who.binds_as_root || try_ports(found->startup, config_path) == 0;
    // A connection without a header would stand in the backend's log as a fault.
    const bool reaches = is_online ? speak_with_backend(found->runtime, config_path) == 0
                                   : try_backend(found->runtime.backend, config_path) == 0;
    return binds && reaches ? exit_ok : exit_failure;
}

/// In a process of its own: there is no way back from being another user.
int check_in_child(const service_identity& who, const std::string& config_path, bool is_online)
{
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child < 0) throw std::system_error(errno, std::generic_category(), "cannot fork");
    if (child == 0) {
        int result = exit_failure;
        try {
            result = check_as(who, config_path, is_online);
        } catch (const std::exception& e) {
            fmt::print(stderr, "{}: error: {}\n", config_path, e.what());
        }
        std::fflush(nullptr);
        ::_exit(result);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : exit_failure;
}

/// @param path may be unreadable for the service, which the child tells
int check_as_service(const check_request& request)
{
    const auto& path = request.config_path;
    const auto ours = read_config(path, io::host_name());
    const auto startup = ours.value ? ours.value->startup : startup_config{};
    const auto who = find_service_identity(request.user, request.groups, startup);
    fmt::print("trying as {}{}{} ({})\n", who.user.empty() ? "this user" : who.user,
               who.groups.empty() ? "" : fmt::format(", groups {}", fmt::join(who.groups, ", ")),
               who.binds_as_root ? ", with the right to bind low ports" : "", who.source);
    std::fflush(stdout); // in order with what goes to stderr
    const bool binds = !ours.value || !who.binds_as_root || try_ports(startup, path) == 0;
    const int rest = check_in_child(who, path, request.is_online);
    return binds ? rest : exit_failure;
}

int check(const check_request& request)
{
    const bool as_another =
        request.as_service || request.is_online || !request.user.empty() || !request.groups.empty();
    const bool can_be_used = as_another ? check_as_service(request) == exit_ok
                                        : check_file(request.config_path).has_value();
    if (!request.is_online) {
        if (!can_be_used) return exit_failure;
        return request.asks_lists ? check_lists(request.config_path) : exit_ok;
    }
    // Whatever was found: an admin wants to see all of it at once.
    const bool lists_answer = check_lists(request.config_path) == exit_ok;
    return can_be_used && lists_answer ? exit_ok : exit_failure;
}

} // namespace

void add_check(command_set& all)
{
    const auto wanted = std::make_shared<check_request>();
    CLI::App& command =
        all.add("check", "Check the configuration and bind nothing. Exit code 0: it can be used.",
                [wanted] { return check(*wanted); });
    take_config_by_place(command, wanted->config_path);
    command.add_flag("--as-service", wanted->as_service,
                     "Also try what a start needs, as the user and with the groups of "
                     "fendmail.service (or of server.user): files, ports, the backend");
    command.add_flag("--lists", wanted->asks_lists,
                     "Also ask each list for its test entries, through its resolvers; exit code 1 "
                     "if one does not answer as it should");
    command.add_flag("--online", wanted->is_online,
                     "All of that, and speak with the backend as for a client, to find out whether "
                     "it takes what is configured");
    command.add_option("--user", wanted->user, "As this user instead")->type_name("USER");
    command.add_option("--groups", wanted->groups, "With these groups besides the user's own")
        ->type_name("GROUP")
        ->delimiter(',')
        ->needs("--user");
}

} // namespace fendmail::app

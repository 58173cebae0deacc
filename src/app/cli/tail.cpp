// SPDX-License-Identifier: Apache-2.0
#include "command_set.hpp"
#include "commands.hpp"
#include "fendmail/core/web/target.hpp"
#include "running.hpp"

#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace fendmail::app {

namespace json = boost::json;

namespace {

struct tail_request {
    running_request running;
    std::string verdict;
    std::string client;
    std::string session;
    std::string event = "session_ended";
    bool all_events = false;
    unsigned lines = 10;
    bool no_follow = false;
};

std::string filters(const tail_request& wanted)
{
    std::string out;
    const auto add = [&](std::string_view name, const std::string& value) {
        if (!value.empty())
            out +=
                fmt::format("{}{}={}", out.empty() ? "?" : "&", name, web::escape_segment(value));
    };
    add("verdict", wanted.verdict);
    add("client", wanted.client);
    add("session", wanted.session);
    if (!wanted.all_events) add("event", wanted.event);
    return out;
}

/// One line for people.
void show_session(const json::value& of)
{
    fmt::print("{}  {:<11} {:<39} {:>7.1f} s", text_at(of, "/time"), text_at(of, "/verdict"),
               text_at(of, "/client"), number_at(of, "/total_seconds"));
    const auto reasons = text_at(of, "/reasons");
    if (!reasons.empty()) fmt::print("  {}", reasons);
    if (const auto score = number_at(of, "/dnsbl_score"); score != 0)
        fmt::print("  score {}", score);
    const auto lists = text_at(of, "/dnsbl_lists");
    if (!lists.empty()) fmt::print("  {}", lists);
    const auto helo = text_at(of, "/helo");
    if (!helo.empty()) fmt::print("  helo {}", printable(helo));
    fmt::print("\n");
}

void show_line(std::string_view line, const tail_request& wanted)
{
    boost::system::error_code error;
    const auto value = json::parse({line.data(), line.size()}, error);
    if (wanted.running.as_json || error || text_at(value, "/event") != "session_ended")
        fmt::print("{}\n", line);
    else
        show_session(value);
    std::fflush(stdout);
}

int show_last(const tail_request& wanted)
{
    auto quiet = wanted.running;
    quiet.as_json = false;
    auto target = "/api/v1/sessions" + filters(wanted);
    target +=
        fmt::format("{}limit={}", target.find('?') == std::string::npos ? "?" : "&", wanted.lines);
    return ask_running(quiet, admin_verb::get, target, "", [&](const json::value& of) {
        const auto& all = array_at(of, "/sessions");
        for (auto at = all.rbegin(); at != all.rend(); ++at) {
            if (wanted.running.as_json)
                fmt::print("{}\n", json::serialize(*at));
            else
                show_session(*at);
        }
        std::fflush(stdout);
    });
}

int tail(const tail_request& wanted)
{
    if (wanted.lines != 0 && !wanted.all_events)
        if (const int failed = show_last(wanted); failed != exit_ok) return failed;
    if (wanted.no_follow) return exit_ok;
    const auto where = socket_of(wanted.running);
    const auto answer =
        follow_admin(where, "/api/v1/events" + filters(wanted), [&](std::string_view line) {
            constexpr std::string_view data = "data: ";
            if (line.starts_with(data)) show_line(line.substr(data.size()), wanted);
            return std::ferror(stdout) == 0;
        });
    if (!answer.is_ok()) return tell_failure(answer);
    fmt::print(stderr, "fendmail: the running fendmail has ended\n");
    return exit_failure;
}

} // namespace

void add_tail(command_set& all)
{
    const auto wanted = std::make_shared<tail_request>();
    CLI::App& command =
        all.add("tail", "Show decisions as they fall: the last ones, then those that come.",
                [wanted] { return tail(*wanted); });
    take_running(command, wanted->running);
    command.add_option("--verdict", wanted->verdict, "Only these")
        ->check(CLI::IsMember({"allowlisted", "pass_old", "pass_new", "passed", "rejected",
                               "dropped", "deferred", "left"}));
    command.add_option("--client", wanted->client, "Only of this address")->type_name("ADDRESS");
    command
        .add_option("--session", wanted->session,
                    "Only this one: the number that stands in the log and, with dialog.rejection, "
                    "in the reply")
        ->type_name("NUMBER")
        ->check(CLI::NonNegativeNumber);
    command.add_flag("--all", wanted->all_events, "All events, as JSON lines");
    command.add_option("-n,--lines", wanted->lines, "How many of the past")
        ->check(CLI::Range(0, 512))
        ->capture_default_str();
    command.add_flag("--no-follow", wanted->no_follow, "Only those of the past");
}

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#include "command_set.hpp"
#include "commands.hpp"
#include "running.hpp"

#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <chrono>
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <string>
#include <thread>
#include <unistd.h>

namespace fendmail::app {

namespace json = boost::json;

namespace {

struct top_request {
    running_request running;
    std::string by = "client";
    unsigned limit = 20;
    unsigned interval_s = 2;
    bool once = false;
};

/// VT100: home, and what is below is cleared.
constexpr std::string_view to_top = "\x1b[H\x1b[J";

void show_rows(const json::value& of)
{
    fmt::print("{:<42} {:>10} {:>12}\n", text_at(of, "/by"), "sessions", "turned away");
    for (const auto& one : array_at(of, "/entries"))
        fmt::print("{:<42} {:>10} {:>12}\n", text_at(one, "/name"), count_at(one, "/sessions"),
                   count_at(one, "/turned_away"));
    fmt::print("\nsince {}\n", text_at(of, "/since"));
}

void show_head(const json::value& of)
{
    fmt::print("fendmail {}: {} waiting, {} in dialog, {} with the backend; {} clients so far\n\n",
               text_at(of, "/state"), count_at(of, "/now/waiting"), count_at(of, "/now/dialog"),
               count_at(of, "/now/relayed"), count_at(of, "/totals/connections"));
}

int show_once(const top_request& wanted, bool with_head)
{
    if (with_head)
        if (const int failed =
                ask_running(wanted.running, admin_verb::get, "/api/v1/status", "", show_head);
            failed != exit_ok)
            return failed;
    return ask_running(wanted.running, admin_verb::get,
                       fmt::format("/api/v1/top?by={}&limit={}", wanted.by, wanted.limit), "",
                       show_rows);
}

int top(const top_request& wanted)
{
    const bool is_live = !wanted.once && !wanted.running.as_json && ::isatty(STDOUT_FILENO) == 1;
    if (!is_live) return show_once(wanted, !wanted.running.as_json);
    for (;;) { // until the terminal's ^C
        fmt::print("{}", to_top);
        if (const int failed = show_once(wanted, true); failed != exit_ok) return failed;
        std::fflush(stdout);
        std::this_thread::sleep_for(std::chrono::seconds{wanted.interval_s});
    }
}

} // namespace

void add_top(command_set& all)
{
    const auto wanted = std::make_shared<top_request>();
    CLI::App& command = all.add("top",
                                "Show who comes most often, again and again on a terminal: "
                                "clients, networks, or what lists name.",
                                [wanted] { return top(*wanted); });
    take_running(command, wanted->running);
    command.add_option("--by", wanted->by, "What to count")
        ->check(CLI::IsMember({"client", "network", "list"}))
        ->capture_default_str();
    command.add_option("-n,--limit", wanted->limit, "How many")
        ->check(CLI::Range(1, 500))
        ->capture_default_str();
    command.add_option("--interval", wanted->interval_s, "Seconds between two looks")
        ->check(CLI::Range(1, 3600))
        ->capture_default_str();
    command.add_flag("--once", wanted->once, "Once, also on a terminal");
}

} // namespace fendmail::app

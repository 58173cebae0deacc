// SPDX-License-Identifier: Apache-2.0
#include "command_set.hpp"
#include "commands.hpp"
#include "fendmail/core/units.hpp"
#include "running.hpp"

#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <chrono>
#include <fmt/format.h>
#include <memory>
#include <string>
#include <thread>

namespace fendmail::app {

namespace json = boost::json;

namespace {

struct drain_request {
    running_request running;
    bool ends = false;
    std::string wait;
};

/// Between two looks whether any session is left.
constexpr milliseconds look_interval{200};

void show_reload(const json::value& of)
{
    fmt::print("{}\n", text_at(of, "/message"));
    for (const auto& key : array_at(of, "/waiting_for_restart"))
        fmt::print("{} has changed, and waits for a restart\n", text_at(key, ""));
}

/// Until no client is left, or the time is up.
int wait_until_empty(const running_request& of, milliseconds limit)
{
    auto quiet = of;
    quiet.as_json = false;
    const auto end = std::chrono::steady_clock::now() + limit;
    for (;;) {
        std::uint64_t sessions = 0;
        const int failed =
            ask_running(quiet, admin_verb::get, "/api/v1/status", "",
                        [&](const json::value& now) { sessions = count_at(now, "/now/sessions"); });
        if (failed != exit_ok) return failed;
        if (sessions == 0) return exit_ok;
        if (std::chrono::steady_clock::now() >= end) {
            fmt::print(stderr, "fendmail: {} sessions are left\n", sessions);
            return exit_failure;
        }
        std::this_thread::sleep_for(look_interval);
    }
}

int drain(const drain_request& wanted)
{
    const auto limit = parse_duration(wanted.wait.empty() ? "0s" : wanted.wait);
    if (!limit) {
        fmt::print(stderr, "--wait: {}\n", message(limit.error()));
        return exit_usage;
    }
    const int failed =
        ask_running(wanted.running, admin_verb::post, "/api/v1/drain",
                    wanted.ends ? R"({"on":false})" : R"({"on":true})",
                    [](const json::value& of) { fmt::print("{}\n", text_at(of, "/state")); });
    if (failed != exit_ok || wanted.wait.empty()) return failed;
    return wait_until_empty(wanted.running, *limit);
}

void show_message(const json::value& of)
{
    fmt::print("{}\n", text_at(of, "/message"));
}

} // namespace

void add_upgrade(command_set& all)
{
    const auto wanted = std::make_shared<running_request>();
    take_running(all.add("upgrade",
                         "Have the running fendmail start a new one, of the program as it is on "
                         "disk now, and hand it the port: no connection is refused or cut, and "
                         "sessions end in the old one. Exit code 1: the old one goes on.",
                         [wanted] {
                             return ask_running(*wanted, admin_verb::post, "/api/v1/upgrade", "",
                                                show_message);
                         }),
                 *wanted);
}

void add_reload(command_set& all)
{
    const auto wanted = std::make_shared<running_request>();
    take_running(all.add("reload",
                         "Have the running fendmail read its configuration anew, and tell what it "
                         "thinks of it. Exit code 1: it goes on with the old one.",
                         [wanted] {
                             return ask_running(*wanted, admin_verb::post, "/api/v1/reload", "",
                                                show_reload);
                         }),
                 *wanted);
}

void add_drain(command_set& all)
{
    const auto wanted = std::make_shared<drain_request>();
    CLI::App& command =
        all.add("drain",
                "Have the running fendmail say that it is not ready, so that balancers send it no "
                "more clients; those that come are served all the same.",
                [wanted] { return drain(*wanted); });
    take_running(command, wanted->running);
    auto* const off = command.add_flag("--off", wanted->ends, "It is ready again");
    command.add_option("--wait", wanted->wait, "Until no client is left, or so long")
        ->type_name("SPAN")
        ->excludes(off);
}

} // namespace fendmail::app

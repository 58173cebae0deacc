// SPDX-License-Identifier: Apache-2.0
#include "command_set.hpp"
#include "commands.hpp"
#include "fendmail/core/web/target.hpp"
#include "running.hpp"

#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>
#include <memory>
#include <string>
#include <vector>

namespace fendmail::app {

namespace json = boost::json;

namespace {

struct lists_request {
    running_request running;
    bool tests = false;
    std::string disabled;
    std::string enabled;
};

void show(const json::value& of)
{
    const auto& rows = array_at(of, "/lists");
    if (rows.empty()) {
        fmt::print("no list is configured\n");
        return;
    }
    fmt::print("{:<32} {:<10} {:>9} {:>9} {:>8} {:>8} {:>8} {:>9}\n", "list", "state", "answers",
               "listed", "failed", "passed", "later", "95 % in");
    for (const auto& one : rows) {
        const auto listed = count_at(one, "/answers/listed");
        const auto all =
            listed + count_at(one, "/answers/not_listed") + count_at(one, "/answers/error");
        fmt::print("{:<32} {:<10} {:>9} {:>9} {:>8} {:>8} {:>8} {:>7.0f} ms\n",
                   text_at(one, "/list"), text_at(one, "/state"), all, listed,
                   count_at(one, "/answers/failed"), count_at(one, "/hits_passed"),
                   count_at(one, "/hits_later_passed"), number_at(one, "/seconds/p95") * 1000);
    }
}

int test_all(const lists_request& wanted)
{
    auto quiet = wanted.running;
    quiet.as_json = false;
    std::vector<std::string> names;
    if (const int failed = ask_running(quiet, admin_verb::get, "/api/v1/lists", "",
                                       [&](const json::value& of) {
                                           for (const auto& one : array_at(of, "/lists"))
                                               names.emplace_back(text_at(one, "/list"));
                                       });
        failed != exit_ok)
        return failed;
    int worst = exit_ok;
    for (const auto& name : names) {
        const int failed =
            ask_running(wanted.running, admin_verb::post,
                        fmt::format("/api/v1/lists/{}/test", web::escape_segment(name)), "",
                        [&](const json::value& of) {
                            fmt::print("{:<32} {:<4} {}\n", name,
                                       flag_at(of, "/ok") ? "good" : "BAD", text_at(of, "/text"));
                            if (!flag_at(of, "/ok")) worst = exit_failure;
                        });
        if (failed != exit_ok) return failed;
    }
    return worst;
}

int switch_list(const running_request& running, const std::string& name, const char* how)
{
    return ask_running(running, admin_verb::post,
                       fmt::format("/api/v1/lists/{}/{}", web::escape_segment(name), how), "",
                       [](const json::value& of) {
                           fmt::print("{} is {}\n", text_at(of, "/list"), text_at(of, "/state"));
                       });
}

int lists(const lists_request& wanted)
{
    if (!wanted.disabled.empty()) return switch_list(wanted.running, wanted.disabled, "disable");
    if (!wanted.enabled.empty()) return switch_list(wanted.running, wanted.enabled, "enable");
    if (wanted.tests) return test_all(wanted);
    return ask_running(wanted.running, admin_verb::get, "/api/v1/lists", "", show);
}

} // namespace

void add_lists(command_set& all)
{
    const auto wanted = std::make_shared<lists_request>();
    CLI::App& command =
        all.add("lists",
                "Show the lists of the running fendmail: answers, hits, hits of clients that "
                "passed or later passed, how fast they are.",
                [wanted] { return lists(*wanted); });
    take_running(command, wanted->running);
    auto* const tests = command.add_flag("--test", wanted->tests, "Ask each for its test entries");
    auto* const off =
        command.add_option("--disable", wanted->disabled, "Do not use it, until the next restart");
    auto* const on = command.add_option("--enable", wanted->enabled, "Use it again");
    off->type_name("LIST")->excludes(tests);
    on->type_name("LIST")->excludes(tests)->excludes(off);
}

} // namespace fendmail::app

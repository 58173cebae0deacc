// SPDX-License-Identifier: Apache-2.0
#include "command_set.hpp"
#include "commands.hpp"
#include "fendmail/core/units.hpp"
#include "fendmail/core/web/target.hpp"
#include "running.hpp"

#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <cstdint>
#include <fmt/format.h>
#include <memory>
#include <string>

namespace fendmail::app {

namespace json = boost::json;

namespace {

struct bans_request {
    running_request running;
    std::string action = "list";
    std::string network;
    std::string span = "6h";
};

void show(const json::value& of)
{
    const auto& rows = array_at(of, "/bans");
    if (text_at(of, "/action") == "ignore")
        fmt::print("bans.action is \"ignore\": these are only told, and nothing comes of them\n");
    if (flag_at(of, "/paused")) fmt::print("too many are new: none is made for the moment\n");
    if (rows.empty()) {
        fmt::print("none is banned; {} clients have points\n", count_at(of, "/offenders"));
        return;
    }
    fmt::print("{:<42} {:>10} {:>4}  {}\n", "client or network", "left", "ban", "why");
    for (const auto& one : rows)
        fmt::print("{:<42} {:>10} {:>4}  {}\n", text_at(one, "/network"),
                   age_text(std::chrono::seconds{count_at(one, "/left_seconds")}),
                   count_at(one, "/count"), text_at(one, "/why"));
    if (count_at(of, "/all") > rows.size())
        fmt::print("and {} more\n", count_at(of, "/all") - rows.size());
}

int bans(const bans_request& wanted)
{
    if (wanted.action == "list")
        return ask_running(wanted.running, admin_verb::get, "/api/v1/bans?limit=5000", "", show);
    if (wanted.network.empty()) {
        fmt::print(stderr, "fendmail: bans {}: say which address or network\n", wanted.action);
        return exit_usage;
    }
    const auto target = fmt::format("/api/v1/bans/{}", web::escape_segment(wanted.network));
    if (wanted.action == "remove")
        return ask_running(wanted.running, admin_verb::remove, target, "",
                           [](const json::value& of) {
                               fmt::print("{} is no longer banned\n", text_at(of, "/network"));
                           });
    const json::object body{{"for", wanted.span}};
    return ask_running(
        wanted.running, admin_verb::put, target, json::serialize(body), [](const json::value& of) {
            fmt::print("{} is banned until {}\n", text_at(of, "/network"), text_at(of, "/until"));
        });
}

struct rates_request {
    running_request running;
    std::string action = "top";
    unsigned limit = 20;
};

int rates(const rates_request& wanted)
{
    return ask_running(
        wanted.running, admin_verb::get, fmt::format("/api/v1/top?by=rate&limit={}", wanted.limit),
        "", [](const json::value& of) {
            const auto& rows = array_at(of, "/entries");
            if (rows.empty()) fmt::print("no client came faster than [rates] allows\n");
            for (const auto& one : rows)
                fmt::print("{:<42} {:>10}\n", text_at(one, "/name"), count_at(one, "/sessions"));
            fmt::print("\nsince {}\n", text_at(of, "/since"));
        });
}

} // namespace

void add_bans(command_set& all)
{
    const auto wanted = std::make_shared<bans_request>();
    CLI::App& command =
        all.add("bans", "Show who is banned, ban an address or network, or end a ban.",
                [wanted] { return bans(*wanted); });
    take_running(command, wanted->running);
    command.add_option("ACTION", wanted->action, "What to do")
        ->check(CLI::IsMember({"list", "add", "remove"}))
        ->type_name("")
        ->capture_default_str();
    command.add_option("ADDRESS", wanted->network, "Address or network")->type_name("");
    command.add_option("--for", wanted->span, "How long")->type_name("SPAN")->capture_default_str();
}

void add_rates(command_set& all)
{
    const auto wanted = std::make_shared<rates_request>();
    CLI::App& command =
        all.add("rates", "Show which clients came faster than [rates] allows, and how often.",
                [wanted] { return rates(*wanted); });
    take_running(command, wanted->running);
    command.add_option("ACTION", wanted->action, "What to do")
        ->check(CLI::IsMember({"top"}))
        ->type_name("")
        ->capture_default_str();
    command.add_option("-n,--limit", wanted->limit, "How many")
        ->check(CLI::Range(1, 500))
        ->capture_default_str();
}

} // namespace fendmail::app

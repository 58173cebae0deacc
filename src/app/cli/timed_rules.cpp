// SPDX-License-Identifier: Apache-2.0
#include "command_set.hpp"
#include "commands.hpp"
#include "fendmail/core/web/target.hpp"
#include "running.hpp"

#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <memory>
#include <string>

namespace fendmail::app {

namespace json = boost::json;

namespace {

struct rule_request {
    running_request running;
    const char* kind = "";  ///< in the path: "permits", "denials"
    const char* words = ""; ///< "permitted", "denied"
    std::string network;
    std::string span = "1d";
    std::string comment;
    bool removes = false;
};

int show_all(const rule_request& wanted)
{
    return ask_running(wanted.running, admin_verb::get, fmt::format("/api/v1/{}", wanted.kind), "",
                       [&](const json::value& of) {
                           const auto& rows = array_at(of, fmt::format("/{}", wanted.kind));
                           if (rows.empty()) fmt::print("none is {} for a time\n", wanted.words);
                           for (const auto& one : rows)
                               fmt::print("{:<42} until {}  {}\n", text_at(one, "/network"),
                                          text_at(one, "/until"), text_at(one, "/comment"));
                       });
}

int change(const rule_request& wanted)
{
    const auto target =
        fmt::format("/api/v1/{}/{}", wanted.kind, web::escape_segment(wanted.network));
    if (wanted.removes)
        return ask_running(
            wanted.running, admin_verb::remove, target, "", [&](const json::value& of) {
                fmt::print("{} is no longer {}\n", text_at(of, "/network"), wanted.words);
            });
    const json::object body{{"for", wanted.span}, {"comment", wanted.comment}};
    return ask_running(wanted.running, admin_verb::put, target, json::serialize(body),
                       [&](const json::value& of) {
                           fmt::print("{} is {} until {}\n", text_at(of, "/network"), wanted.words,
                                      text_at(of, "/until"));
                       });
}

void add(command_set& all, const char* name, const char* what, const char* kind, const char* words)
{
    const auto wanted = std::make_shared<rule_request>();
    wanted->kind = kind;
    wanted->words = words;
    CLI::App& command = all.add(name, what, [wanted] {
        return wanted->network.empty() ? show_all(*wanted) : change(*wanted);
    });
    take_running(command, wanted->running);
    auto* const network =
        command.add_option("ADDRESS", wanted->network, "Address or network; none: show what is so")
            ->type_name("");
    command.add_option("--for", wanted->span, "How long")->type_name("SPAN")->capture_default_str();
    command.add_option("--comment", wanted->comment, "Why, for the log and who comes later")
        ->type_name("TEXT");
    command.add_flag("--remove", wanted->removes, "No longer")->needs(network);
}

} // namespace

void add_permit(command_set& all)
{
    add(all, "permit", "Let an address or network in for a time, before all rules and tests.",
        "permits", "permitted");
}

void add_deny(command_set& all)
{
    add(all, "deny", "Turn an address or network away for a time, before all rules and tests.",
        "denials", "denied");
}

} // namespace fendmail::app

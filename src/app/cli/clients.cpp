// SPDX-License-Identifier: Apache-2.0
#include "command_set.hpp"
#include "commands.hpp"
#include "fendmail/core/web/target.hpp"
#include "running.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

namespace fendmail::app {

namespace json = boost::json;

namespace {

struct clients_request {
    running_request running;
    std::string address;
    std::string span;
    std::string file = "-";
};

constexpr std::size_t rows_of_import = 200; ///< in one request, which is at most 64 KiB

std::string path_of(const clients_request& wanted)
{
    return "/api/v1/passes/" + web::escape_segment(wanted.address);
}

void show_client(const json::value& of)
{
    fmt::print("{}\n", text_at(of, "/client"));
    const auto& tests = of.at("tests").get_object();
    for (const auto& [name, until] : tests)
        fmt::print("  {:<18} passed until {}\n", std::string_view{name.data(), name.size()},
                   text_at(until, ""));
}

/// The last test to end says for how long a client is known in part.
std::string_view last_end(const json::value& of)
{
    std::string_view last;
    for (const auto& [name, until] : of.at("tests").get_object())
        last = std::max(last, text_at(until, ""));
    return last;
}

/// Calls `see` with each client, page by page.
template <class See>
int for_each_client(const running_request& from, See see)
{
    auto quiet = from;
    quiet.as_json = false;
    std::string next;
    do {
        const auto target = next.empty() ? std::string{"/api/v1/passes"}
                                         : "/api/v1/passes?after=" + web::escape_segment(next);
        const int failed =
            ask_running(quiet, admin_verb::get, target, "", [&](const json::value& page) {
                for (const auto& one : array_at(page, "/passes"))
                    see(one);
                next = text_at(page, "/next");
            });
        if (failed != exit_ok) return failed;
    } while (!next.empty());
    return exit_ok;
}

int list(const clients_request& wanted)
{
    return for_each_client(wanted.running, [&](const json::value& one) {
        if (wanted.running.as_json)
            fmt::print("{}\n", json::serialize(one));
        else
            fmt::print("{:<42} until {}\n", text_at(one, "/client"), last_end(one));
    });
}

int export_all(const clients_request& wanted)
{
    return for_each_client(
        wanted.running, [](const json::value& one) { fmt::print("{}\n", json::serialize(one)); });
}

int send_rows(const running_request& to, json::array rows, std::uint64_t& taken,
              std::uint64_t& refused)
{
    auto quiet = to;
    quiet.as_json = false;
    const json::object body{{"passes", std::move(rows)}};
    return ask_running(quiet, admin_verb::post, "/api/v1/passes", json::serialize(body),
                       [&](const json::value& of) {
                           taken += count_at(of, "/taken");
                           refused += count_at(of, "/refused");
                       });
}

int import_all(const clients_request& wanted)
{
    std::ifstream file;
    if (wanted.file != "-") {
        file.open(wanted.file);
        if (!file) {
            fmt::print(stderr, "fendmail: cannot read {}\n", wanted.file);
            return exit_failure;
        }
    }
    std::istream& from = wanted.file == "-" ? std::cin : file;
    std::uint64_t taken = 0;
    std::uint64_t refused = 0;
    json::array rows;
    for (std::string line; std::getline(from, line);) {
        if (line.empty()) continue;
        boost::system::error_code error;
        auto value = json::parse(line, error);
        if (error) {
            ++refused;
            continue;
        }
        rows.push_back(std::move(value));
        if (rows.size() < rows_of_import) continue;
        if (const int failed = send_rows(wanted.running, std::exchange(rows, {}), taken, refused);
            failed != exit_ok)
            return failed;
    }
    if (!rows.empty())
        if (const int failed = send_rows(wanted.running, std::move(rows), taken, refused);
            failed != exit_ok)
            return failed;
    fmt::print("{} clients taken, {} lines not understood\n", taken, refused);
    return refused == 0 ? exit_ok : exit_failure;
}

using wanted_pointer = std::shared_ptr<clients_request>;

CLI::App& add_part(CLI::App& to, int& result, const wanted_pointer& wanted, const char* name,
                   const char* what, int (*act)(const clients_request&))
{
    CLI::App* const part = to.add_subcommand(name, what);
    take_running(*part, wanted->running);
    part->callback([&result, wanted, act] { result = act(*wanted); });
    return *part;
}

int get(const clients_request& wanted)
{
    return ask_running(wanted.running, admin_verb::get, path_of(wanted), "", show_client);
}

int add(const clients_request& wanted)
{
    json::object body;
    if (!wanted.span.empty()) body["for"] = wanted.span;
    return ask_running(wanted.running, admin_verb::put, path_of(wanted), json::serialize(body),
                       show_client);
}

int remove(const clients_request& wanted)
{
    return ask_running(wanted.running, admin_verb::remove, path_of(wanted), "",
                       [](const json::value& of) {
                           fmt::print("{} is new from now on\n", text_at(of, "/client"));
                       });
}

} // namespace

void add_clients(command_set& all)
{
    const auto wanted = std::make_shared<clients_request>();
    const auto result = std::make_shared<int>(exit_ok);
    CLI::App& command = all.add("clients",
                                "The clients that have passed: list, get, add, remove, export, "
                                "import.",
                                [result] { return *result; });
    command.require_subcommand(1);
    add_part(command, *result, wanted, "list", "All of them, and until when.", list);
    for (auto* const part :
         {&add_part(command, *result, wanted, "get", "What one has passed.", get),
          &add_part(command, *result, wanted, "add", "As if it had passed all tests now.", add),
          &add_part(command, *result, wanted, "remove", "Forget it.", remove)})
        part->add_option("ADDRESS", wanted->address, "Of the client")->type_name("")->required();
    command.get_subcommand("add")
        ->add_option("--for", wanted->span, "How long, at most as long as a pass lasts")
        ->type_name("SPAN");
    add_part(command, *result, wanted, "export", "All of them, a JSON object a line.", export_all);
    add_part(command, *result, wanted, "import", "Take an export; passes that last longer stay.",
             import_all)
        .add_option("FILE", wanted->file, "What export printed; - is standard input")
        ->type_name("");
}

} // namespace fendmail::app

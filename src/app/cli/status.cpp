// SPDX-License-Identifier: Apache-2.0
#include "command_set.hpp"
#include "commands.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/core/units.hpp"
#include "running.hpp"

#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <fmt/format.h>
#include <memory>
#include <string>

namespace fendmail::app {

namespace json = boost::json;

namespace {

std::string joined(const json::array& all)
{
    std::string out;
    for (const auto& one : all)
        out += fmt::format("{}{}", out.empty() ? "" : ", ", text_at(one, ""));
    return out.empty() ? "none" : out;
}

/// "pass_new 12, rejected 5": those that are not 0.
std::string counts(const json::value& all, std::string_view place)
{
    std::string out;
    boost::system::error_code error;
    const auto* const found = all.find_pointer({place.data(), place.size()}, error);
    if (found == nullptr || !found->is_object()) return "none";
    for (const auto& [name, value] : found->get_object())
        if (const auto count = count_at(value, ""); count != 0)
            out += fmt::format("{}{} {}", out.empty() ? "" : ", ",
                               std::string_view{name.data(), name.size()}, count);
    return out.empty() ? "none" : out;
}

std::string lists(const json::value& of)
{
    const auto total = count_at(of, "/lists/total");
    const auto suspended = count_at(of, "/lists/suspended");
    const auto off = count_at(of, "/lists/off");
    if (total == 0) return "none";
    std::string out = fmt::format("{}", total);
    if (suspended == 0 && off == 0) return out + ", all in use";
    if (suspended != 0) out += fmt::format(", {} suspended", suspended);
    if (off != 0) out += fmt::format(", {} switched off", off);
    return out;
}

void show_tests(const json::value& of)
{
    std::string out;
    for (const auto& one : array_at(of, "/tests"))
        if (const auto ignored = count_at(one, "/ignore"); ignored != 0)
            out += fmt::format("{}{} {}", out.empty() ? "" : ", ", text_at(one, "/test"), ignored);
    if (!out.empty()) fmt::print("  {:<14} {}\n", "would turn away", out);
}

std::string bans(const json::value& of)
{
    auto active = fmt::format("{} clients and networks", count_at(of, "/bans/active"));
    if (!flag_at(of, "/bans/kernel/on")) return active;
    const auto trouble = text_at(of, "/bans/kernel/trouble");
    return fmt::format("{}; in the kernel {}, {} attempts dropped{}{}", active,
                       count_at(of, "/bans/kernel/held"), count_at(of, "/bans/kernel/dropped"),
                       trouble.empty() ? "" : "; ", trouble);
}

void show(const json::value& of)
{
    const seconds uptime{static_cast<seconds::rep>(count_at(of, "/uptime_seconds"))};
    fmt::print("fendmail {} on {}, {} for {}, {}\n\n", text_at(of, "/version"),
               text_at(of, "/hostname"), text_at(of, "/state"), age_text(uptime),
               flag_at(of, "/ready")
                   ? std::string{"ready"}
                   : fmt::format("not ready: {}", text_at(of, "/unready_reason")));
    fmt::print("  {:<14} {}\n", "listening", joined(array_at(of, "/listening")));
    fmt::print("  {:<14} {}, loaded {}\n", "configuration", text_at(of, "/config/path"),
               text_at(of, "/config/loaded"));
    if (!flag_at(of, "/config/last_reload_successful"))
        fmt::print("  {:<14} refused: {}\n", "last reload",
                   text_at(of, "/config/last_reload_error"));
    fmt::print("  {:<14} {} waiting, {} in dialog, {} with the backend\n", "now",
               count_at(of, "/now/waiting"), count_at(of, "/now/dialog"),
               count_at(of, "/now/relayed"));
    fmt::print("  {:<14} {} clients: {}\n", "since then", count_at(of, "/totals/connections"),
               counts(of, "/totals/verdicts"));
    fmt::print("  {:<14} {}\n", "at a limit", counts(of, "/totals/refused"));
    show_tests(of);
    for (const auto& one : array_at(of, "/backends"))
        fmt::print("  {:<14} {}: {}\n", "backend", text_at(one, "/name"),
                   flag_at(one, "/up") ? "up" : text_at(one, "/reason"));
    fmt::print("  {:<14} {}\n", "lists", lists(of));
    fmt::print("  {:<14} {}\n", "bans", bans(of));
    fmt::print("  {:<14} {}{}\n", "store", text_at(of, "/store/kind"),
               flag_at(of, "/store/up") ? "" : ", which cannot be used");
    fmt::print("  {:<14} {}\n", "name servers", joined(array_at(of, "/dns/servers")));
}

} // namespace

void add_status(command_set& all)
{
    const auto wanted = std::make_shared<running_request>();
    take_running(all.add("status", "Show how the running fendmail is: clients, lists, backend.",
                         [wanted] {
                             return ask_running(*wanted, admin_verb::get, "/api/v1/status", "",
                                                show);
                         }),
                 *wanted);
}

} // namespace fendmail::app

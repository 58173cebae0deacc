// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/report/report.hpp"
#include "command_set.hpp"
#include "commands.hpp"
#include "fendmail/app/cli/cli.hpp"
#include "fendmail/app/report/builder.hpp"
#include "fendmail/app/report/live.hpp"
#include "fendmail/app/report/log_parser.hpp"
#include "fendmail/io/os/child_output.hpp"
#include "fendmail/io/os/clock.hpp"
#include "fendmail/io/os/line_source.hpp"
#include "fendmail/io/os/privilege.hpp"
#include "read_config.hpp"
#include "running.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fmt/format.h>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

namespace fendmail::app {

namespace {

struct report_request {
    std::string config_path = default_config_path;
    std::vector<std::string> files;
    std::string since = "1d";
    std::string until = "now";
    std::string to; ///< "" = no mail
    std::string unit = "fendmail";
    std::size_t top = 10;
    bool as_html = false;
    bool as_json = false;
    bool reads_journal = false;
    bool is_live = false;
    std::string socket; ///< of the running one; "" = that of the configuration
};

/// A log that cannot be had: the text is for the admin.
class no_log : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

time_zone zone_of_host()
{
    return time_zone{[](instant when) {
        const std::time_t raw = when.time_since_epoch().count();
        std::tm local{};
        ::localtime_r(&raw, &local);
        return seconds{local.tm_gmtoff};
    }};
}

/// "all" begins with what there is.
std::optional<report_period> period_of(const report_request& request, const time_zone& zone,
                                       instant now)
{
    const auto begin =
        request.since == "all" ? std::optional{instant{}} : read_point(request.since, zone, now);
    auto end = read_point(request.until, zone, now);
    if (end == now) *end += seconds{1}; // what was logged in this second is wanted as well
    if (!begin || !end) {
        fmt::print(stderr,
                   "\"{}\" is no time: write 1d (a span before now), today, yesterday, now, "
                   "2025-11-21, \"2025-11-21 06:07\" or 2025-11-21T06:07:00Z{}\n",
                   begin ? request.until : request.since, begin ? "" : ", or all");
        return std::nullopt;
    }
    if (*begin >= *end) {
        fmt::print(stderr, "--since {} is not before --until {}\n", request.since, request.until);
        return std::nullopt;
    }
    return report_period{*begin, *end};
}

// ── which log ─────────────────────────────────────────────────────────────────────────────────

io::line_source open_file(const std::string& path)
{
    if (path == "-") return io::line_source{io::unique_fd{::dup(STDIN_FILENO)}};
    auto file = io::open_to_read(path);
    struct stat about{};
    if (!file || ::fstat(file.get(), &about) != 0)
        throw no_log{
            fmt::format("cannot read {}: {}", path, std::generic_category().message(errno))};
    if (S_ISDIR(about.st_mode)) throw no_log{path + " is a directory"};
    return io::line_source{std::move(file)};
}

/// When its first line was written that says so.
std::optional<instant> beginning_of(const std::string& path, const time_zone& zone, instant now)
{
    constexpr int looks_max = 100;
    auto source = open_file(path);
    log_parser parser{zone, now};
    for (int looks = 0; looks < looks_max; ++looks) {
        const auto line = source.next();
        if (!line) break;
        (void)parser.parse(*line);
        if (parser.entry().time) return parser.entry().time;
    }
    return std::nullopt;
}

/// Oldest first: what came of a client stands behind how it began. Standard input cannot be read
/// twice and goes last.
std::vector<std::string> in_order(const std::vector<std::string>& files, const time_zone& zone,
                                  instant now)
{
    std::vector<std::pair<instant, std::string>> all;
    for (const auto& file : files) {
        const auto begin = file == "-" ? std::nullopt : beginning_of(file, zone, now);
        all.emplace_back(begin.value_or(instant::max()), file);
    }
    std::ranges::stable_sort(all, {}, &std::pair<instant, std::string>::first);
    std::vector<std::string> out;
    for (auto& [begin, file] : all)
        out.push_back(std::move(file));
    return out;
}

/// The log file and those that logrotate has made of it, as far as they can be of use.
std::vector<std::string> with_rotated(const std::filesystem::path& log, instant wanted_from)
{
    std::vector<std::string> out{log};
    std::error_code failure;
    const auto name = log.filename().string();
    for (const auto& entry : std::filesystem::directory_iterator{log.parent_path(), failure}) {
        const auto other = entry.path().filename().string();
        if (!other.starts_with(name + ".") && !other.starts_with(name + "-")) continue;
        struct stat about{};
        if (::stat(entry.path().c_str(), &about) != 0 || !S_ISREG(about.st_mode)) continue;
        if (instant{seconds{about.st_mtim.tv_sec}} >= wanted_from)
            out.push_back(entry.path().string());
    }
    return out;
}

/// Where log.target says that the log is.
void choose_log(report_request& request, instant wanted_from)
{
    const auto found = read_config(request.config_path, io::host_name());
    if (!found.value)
        throw no_log{fmt::format("{} cannot be used to find the log; name its files, or --journal",
                                 request.config_path)};
    const auto& target = found.value->runtime.log.target;
    using kind = io::log_destination::kind;
    switch (target.to) {
    case kind::file: request.files = with_rotated(target.path, wanted_from); return;
    case kind::journald:
    case kind::standard_error:
    case kind::standard_output: request.reads_journal = true; return;
    case kind::syslog: break;
    }
    throw no_log{"log.target is \"syslog\": name the file that the log daemon writes, such as "
                 "/var/log/mail.log"};
}

// ── reading ───────────────────────────────────────────────────────────────────────────────────

void read(io::line_source& source, log_parser& parser, report_builder& into)
{
    while (const auto line = source.next()) {
        const auto kind = parser.parse(*line);
        into.add(kind, parser.entry());
    }
}

void read_journal(const std::string& unit, instant from, log_parser& parser, report_builder& into)
{
    io::child_output journal{
        {"journalctl", "--unit=" + unit, "--output=json", "--output-fields=MESSAGE", "--no-pager",
         "--quiet",
         fmt::format("--since=@{}", std::max<seconds::rep>(from.time_since_epoch().count(), 0))}};
    io::line_source source{journal.take_output()};
    read(source, parser, into);
    if (const auto failure = journal.wait(); !failure.empty()) throw no_log{failure};
}

void print(const report& about, const report_request& request, const time_zone& zone)
{
    if (request.as_json) return fmt::print("{}\n", to_json(about));
    const auto html = request.as_html ? to_html(about, zone) : std::string{};
    if (!request.to.empty())
        return fmt::print("{}", to_mail(about, request.to, to_text(about, zone), html));
    fmt::print("{}", request.as_html ? html : to_text(about, zone));
}

bool is_mail_address(const std::string& text)
{
    return !text.starts_with('-') &&
           std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

// ── without a log ─────────────────────────────────────────────────────────────────────────────

int make_live_report(const report_request& request)
{
    running_request running;
    running.config_path = request.config_path;
    running.socket = request.socket;
    const auto where = socket_of(running);
    live_answers said;
    for (const auto& [target, into] :
         {std::pair{"status", &said.status}, std::pair{"history", &said.history},
          std::pair{"sessions", &said.sessions}, std::pair{"lists", &said.lists}}) {
        auto answer = ask_admin(where, admin_verb::get, fmt::format("/api/v1/{}", target));
        if (!answer.is_ok()) return tell_failure(answer);
        *into = std::move(answer.body);
    }
    const auto about = live_report(said, io::host_name(), io::wall_now(), request.top);
    if (!about) {
        fmt::print(stderr, "fendmail: {}: an answer that is not understood\n", to_text(where));
        return exit_failure;
    }
    print(*about, request, zone_of_host());
    return exit_ok;
}

int make_report(report_request request)
{
    const auto zone = zone_of_host();
    const auto now = io::wall_now();
    const auto when = period_of(request, zone, now);
    if (!when) return exit_usage;
    if (!is_mail_address(request.to)) {
        fmt::print(stderr, "--to takes an address\n");
        return exit_usage;
    }
    if (request.is_live) return make_live_report(request);
    const auto wanted_from = when->begin - (when->end - when->begin); // to compare with
    builder_limits limits;
    limits.top = request.top;
    report_builder builder{*when, limits};
    log_parser parser{zone, now};
    try {
        if (request.files.empty() && !request.reads_journal) choose_log(request, wanted_from);
        for (const auto& file : in_order(request.files, zone, now)) {
            auto source = open_file(file);
            read(source, parser, builder);
            if (!source.failure().empty())
                builder.note_failure(
                    fmt::format("{} could not be read to its end: {}", file, source.failure()));
        }
        if (request.reads_journal) read_journal(request.unit, wanted_from, parser, builder);
    } catch (const std::runtime_error& e) {
        fmt::print(stderr, "{}\n", e.what());
        return exit_failure;
    }
    print(builder.finish(io::host_name()), request, zone);
    return exit_ok;
}

} // namespace

void add_report(command_set& all)
{
    const auto wanted = std::make_shared<report_request>();
    CLI::App& command =
        all.add("report",
                "Tell what fendmail did in a time, from its log, or with --live from itself: who "
                "was turned away and why, what each "
                "list did, who waited, what broke, and what is not as it was before.",
                [wanted] { return make_report(*wanted); });
    take_config(command, wanted->config_path);
    command
        .add_option("--since", wanted->since,
                    "1d, today, yesterday, 2025-11-21, \"2025-11-21 06:07\", or all")
        ->type_name("TIME")
        ->capture_default_str();
    command.add_option("--until", wanted->until, "Likewise")
        ->type_name("TIME")
        ->capture_default_str();
    command.add_flag("--html", wanted->as_html, "One page of HTML");
    command.add_flag("--json", wanted->as_json, "One JSON object")->excludes("--html");
    command
        .add_option("--to", wanted->to,
                    "A mail to this address, for `sendmail -t`; with --html it has both forms")
        ->type_name("ADDRESS")
        ->excludes("--json");
    command.add_option("--top", wanted->top, "How many clients and networks are told")
        ->type_name("N")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    command.add_flag("--journal", wanted->reads_journal, "Read the journal");
    auto* const live = command.add_flag(
        "--live", wanted->is_live,
        "Ask the running fendmail instead: its last sessions, at most 512, and the verdicts of its "
        "last hour. The report says which time that is");
    command.add_option("--socket", wanted->socket, "With --live: its admin socket")
        ->type_name("FILE")
        ->needs(live);
    command.add_option("--unit", wanted->unit, "Whose journal")
        ->type_name("UNIT")
        ->capture_default_str();
    command
        .add_option("FILES", wanted->files,
                    "Logs in any of the three formats, plain or packed with gzip; - = standard "
                    "input; without any, where log.target says")
        ->type_name("FILE");
    for (const auto* const other : {"--since", "--until", "--journal", "--unit", "FILES"})
        live->excludes(command.get_option(other));
}

} // namespace fendmail::app

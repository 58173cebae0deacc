// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/report/live.hpp"

#include "fendmail/app/report/builder.hpp"
#include "fendmail/app/report/log_parser.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <fmt/format.h>
#include <string_view>
#include <utility>

namespace fendmail::app {

namespace json = boost::json;

namespace {

constexpr seconds hour = std::chrono::hours{1};
using ten_minutes = std::chrono::duration<std::int64_t, std::ratio<600>>;
constexpr std::size_t text_octets = 300; ///< of a trouble

time_zone utc()
{
    return time_zone{[](instant) { return seconds{0}; }};
}

const json::value* find(const json::value& in, std::string_view place)
{
    boost::system::error_code error;
    return in.find_pointer({place.data(), place.size()}, error);
}

std::uint64_t count_at(const json::value& in, std::string_view place)
{
    const auto* const found = find(in, place);
    if (found == nullptr) return 0;
    boost::system::error_code error;
    const auto count = found->to_number<std::uint64_t>(error);
    return error ? 0 : count;
}

bool is_false_at(const json::value& in, std::string_view place)
{
    const auto* const found = find(in, place);
    return found != nullptr && found->is_bool() && !found->get_bool();
}

/// One line of printable ASCII, as all that comes from a log is.
std::string text_at(const json::value& in, std::string_view place)
{
    const auto* const found = find(in, place);
    if (found == nullptr || !found->is_string()) return {};
    const auto& text = found->get_string();
    std::string out{text.data(), std::min(text.size(), text_octets)};
    for (char& c : out)
        if (c < ' ' || c > '~') c = '?';
    return out;
}

const json::array& array_at(const json::value& in, std::string_view place)
{
    static const json::array none;
    const auto* const found = find(in, place);
    return found != nullptr && found->is_array() ? found->get_array() : none;
}

std::optional<instant> time_at(const json::value& in, std::string_view place)
{
    const auto stamp = read_iso_stamp(text_at(in, place), utc());
    return stamp ? std::optional{stamp->time} : std::nullopt;
}

std::optional<json::value> parsed(const std::string& body)
{
    boost::system::error_code error;
    auto value = json::parse(body, error);
    if (error || !value.is_object()) return std::nullopt;
    return value;
}

std::vector<std::string> troubles_of(const json::value& status, const json::value& lists)
{
    std::vector<std::string> out;
    if (is_false_at(status, "/ready"))
        out.push_back(fmt::format("not ready: {}", text_at(status, "/unready_reason")));
    for (const auto& one : array_at(status, "/backends"))
        if (is_false_at(one, "/up"))
            out.push_back(
                fmt::format("backend {}: {}", text_at(one, "/name"), text_at(one, "/reason")));
    for (const auto& one : array_at(lists, "/lists"))
        if (const auto state = text_at(one, "/state"); state != "up")
            out.push_back(fmt::format("list {}: {}", text_at(one, "/list"),
                                      state == "off" ? "switched off" : state));
    if (is_false_at(status, "/store/up")) out.emplace_back("the client store cannot be used");
    if (is_false_at(status, "/config/last_reload_successful"))
        out.push_back(fmt::format("the last reload was refused: {}",
                                  text_at(status, "/config/last_reload_error")));
    return out;
}

std::vector<change_at> changes_of(const json::value& status, instant started, instant since)
{
    std::vector<change_at> out;
    if (started >= since) out.push_back({started, change::started, text_at(status, "/version")});
    const auto loaded = time_at(status, "/config/loaded");
    if (loaded && *loaded > started && *loaded >= since)
        out.push_back({*loaded, change::reloaded, {}});
    return out;
}

/// Verdicts of all sessions of the last hour, in place of those of the sessions that are kept.
void take_history(report& about, const json::value& history)
{
    const auto end = time_at(history, "/end").value_or(about.when.end);
    const seconds step{static_cast<seconds::rep>(count_at(history, "/step_seconds"))};
    about.now.verdicts = {};
    about.hours.clear();
    about.step = ten_minutes{1};
    for (const auto v : report_verdicts) {
        const auto& row = array_at(history, fmt::format("/verdicts/{}", screen::to_string(v)));
        const auto place = static_cast<std::size_t>(v);
        for (std::size_t i = 0; i < row.size(); ++i) {
            const auto count = count_at(row[i], "");
            // The last one is the minute that runs.
            const auto ago = static_cast<seconds::rep>(row.size() - 1 - i) * step;
            if (count == 0 && end - ago < about.when.begin) continue;
            about.now.verdicts[place] += count;
            about.hours[std::chrono::floor<ten_minutes>(end - ago)][place] += count;
        }
    }
}

} // namespace

std::optional<report> live_report(const live_answers& said, std::string host, instant now,
                                  std::size_t top)
{
    const auto status = parsed(said.status);
    const auto history = parsed(said.history);
    const auto sessions = parsed(said.sessions);
    const auto lists = parsed(said.lists);
    if (!status || !history || !sessions || !lists) return std::nullopt;
    const auto started = time_at(*status, "/started");
    const auto& kept = array_at(*sessions, "/sessions"); // the newest first
    if (!started) return std::nullopt;

    live_reading live;
    live.version = text_at(*status, "/version");
    live.started = std::min(*started, now);
    live.decisions = kept.size();
    const bool are_all = count_at(*sessions, "/all") <= kept.size();
    live.since = live.started;
    if (!are_all && !kept.empty())
        live.since = std::min(time_at(kept.back(), "/time").value_or(now), now);
    live.is_whole = are_all || live.since < now - hour;
    live.troubles = troubles_of(*status, *lists);

    const auto begin = live.is_whole ? live.since : std::max(live.started, now - hour);
    builder_limits limits;
    limits.top = top;
    report_builder builder{{begin, now + seconds{1}}, limits}; // with what ended in this second
    log_parser parser{utc(), now};
    for (auto one = kept.rbegin(); one != kept.rend(); ++one) {
        const auto line = json::serialize(*one); // which the entry has views of
        const auto kind = parser.parse(line);
        builder.add(kind, parser.entry());
    }
    auto about = builder.finish(std::move(host));
    about.is_compared = false;
    about.differences.clear();
    about.changes = changes_of(*status, live.started, begin);
    if (!live.is_whole) take_history(about, *history);
    about.live = std::move(live);
    return about;
}

} // namespace fendmail::app

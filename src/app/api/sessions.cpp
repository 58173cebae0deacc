// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/text/time_text.hpp"
#include "fendmail/io/os/clock.hpp"
#include "routes.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <fmt/format.h>
#include <iterator>
#include <memory>
#include <utility>

namespace fendmail::app {

namespace json = boost::json;

namespace {

/// Lines for one part of a stream; what comes meanwhile is read the next time.
constexpr std::size_t lines_of_part = 256;
constexpr std::size_t top_max = 500;

/// What a request wants to see. The lines are JSON of our own renderer: within a text each quote
/// is escaped, so that a field with its quotes stands in a line only where it is a field.
class line_filter {
public:
    explicit line_filter(const web::target& from)
    {
        for (const std::string_view name : {"verdict", "client", "event"}) {
            const auto wanted = from.parameter(name);
            if (!wanted.empty()) wanted_.push_back(fmt::format("\"{}\":\"{}\"", name, wanted));
        }
        const auto session = from.parameter("session");
        if (!session.empty()) wanted_.push_back(fmt::format("\"session\":{},", session));
    }
    [[nodiscard]] bool fits(std::string_view line) const
    {
        return std::ranges::all_of(wanted_, [&](const std::string& one) {
            return line.find(one) != std::string_view::npos;
        });
    }

private:
    std::vector<std::string> wanted_;
};

/// The value of the field "event".
std::string_view event_in(std::string_view line) noexcept
{
    constexpr std::string_view mark = "\"event\":\"";
    const auto at = line.find(mark);
    if (at == std::string_view::npos) return "message";
    const auto begin = at + mark.size();
    return line.substr(begin, std::min(line.find('"', begin), line.size()) - begin);
}

/// One reader of all events, from now on.
class event_reader {
public:
    event_reader(event_stream& from, line_filter filter)
        : follower_{from}
        , filter_{std::move(filter)}
        , next_{follower_.events().next()}
    {
    }

    std::string more()
    {
        const auto& events = follower_.events();
        const auto end = events.next();
        std::uint64_t missed = 0;
        if (end - next_ > events.places()) {
            missed = end - next_ - events.places();
            next_ += missed;
        }
        std::string part;
        const auto to = std::back_inserter(part);
        for (std::size_t lines = 0; next_ < end && lines < lines_of_part; ++next_) {
            const auto line = events.read(next_);
            if (!line) {
                // Still being written, if it is one of the last.
                if (end - next_ <= writers_max && ++patience_ < patience_max) break;
                ++missed;
                continue;
            }
            patience_ = 0;
            if (!filter_.fits(*line)) continue;
            fmt::format_to(to, "event: {}\ndata: {}\n\n", event_in(*line), *line);
            ++lines;
        }
        if (missed != 0) fmt::format_to(to, "event: lost\ndata: {{\"lost\":{}}}\n\n", missed);
        return part;
    }

private:
    static constexpr std::uint64_t writers_max = 64; ///< threads that write at once
    static constexpr unsigned patience_max = 3;      ///< looks at one that is not there yet

    event_stream::follower follower_;
    line_filter filter_;
    std::uint64_t next_;
    unsigned patience_ = 0;
};

} // namespace

admin_reply get_sessions(const api_call& call)
{
    const auto& kept = call.subject.stream.decisions();
    const line_filter filter{call.request.target};
    const auto limit = limit_of(call.request, kept.places());
    std::string out = "{\"sessions\":[";
    const auto end = kept.next();
    const auto oldest = end - std::min<std::uint64_t>(end, kept.places());
    std::size_t count = 0;
    for (auto number = end; number > oldest && count < limit; --number) {
        const auto line = kept.read(number - 1);
        if (!line || !filter.fits(*line)) continue;
        if (count++ != 0) out += ',';
        out += *line;
    }
    out += fmt::format("],\"all\":{}}}\n", end);
    return {200, "application/json", std::move(out)};
}

admin_reply get_events(const api_call& call)
{
    admin_reply reply;
    reply.content_type = "text/event-stream; charset=utf-8";
    const auto reader =
        std::make_shared<event_reader>(call.subject.stream, line_filter{call.request.target});
    reply.more = [reader] { return reader->more(); };
    return reply;
}

admin_reply get_top(const api_call& call)
{
    const auto& tops = call.subject.tops;
    const auto by = call.request.target.parameter("by");
    std::vector<top_row> entries;
    if (by == "list") {
        for (auto& one : tops.lists())
            entries.push_back({one.list, one.hits, one.turned_away});
        std::ranges::stable_sort(entries, std::ranges::greater{}, &top_row::sessions);
    } else if (by == "network") {
        entries = tops.top(client_tops::by::network, limit_of(call.request, top_max));
    } else if (by == "rate") {
        entries = tops.top(client_tops::by::rate, limit_of(call.request, top_max));
    } else if (by == "client" || by.empty()) {
        entries = tops.top(client_tops::by::client, limit_of(call.request, top_max));
    } else {
        return admin_error(400, "by is client, network, list or rate");
    }
    json::array rows;
    for (const auto& one : entries)
        rows.push_back(json::object{
            {"name", one.name}, {"sessions", one.sessions}, {"turned_away", one.turned_away}});
    const auto since = by == "list" ? call.subject.facts.started : io::wall_now() - tops.reach();
    return json_reply({{"by", by.empty() ? "client" : json::string_view{by.data(), by.size()}},
                       {"since", time_text(since)},
                       {"entries", std::move(rows)}});
}

} // namespace fendmail::app

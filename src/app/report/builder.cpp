// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/report/builder.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <iterator>
#include <utility>
#include <variant>

namespace fendmail::app {

using screen::verdict;

namespace {

constexpr std::size_t name_octets = 100;   ///< of a reason or list; longer ones are cut
constexpr std::size_t text_octets = 300;   ///< of a reason of trouble
constexpr std::size_t waited_octets = 100; ///< of reasons that are remembered
constexpr std::size_t bits = 64;
constexpr unsigned v4_network = 24;
constexpr unsigned v6_network = 48;
/// IPv6 addresses of one host are others at each connection.
constexpr unsigned v6_host = 64;

std::string cut(std::string_view text, std::size_t octets)
{
    return std::string{text.substr(0, octets)};
}

ip_address network_address(const ip_address& client) noexcept
{
    return client.masked(client.is_v4() ? v4_network : v6_network);
}

/// One client as far as waiting goes.
ip_address host_of(const ip_address& client) noexcept
{
    return client.is_v4() ? client : client.masked(v6_host);
}

/// Calls `take(part)` for each part between commas.
template <class Take>
void for_each_part(std::string_view text, Take take)
{
    while (!text.empty()) {
        const auto end = std::min(text.find(','), text.size());
        if (end != 0) take(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

/// The place of a name; when there are too many, that of all others.
template <class Counts>
Counts& counts_of(std::map<std::string, Counts, std::less<>>& in, std::string_view name,
                  std::size_t names_max)
{
    name = name.substr(0, name_octets);
    if (const auto found = in.find(name); found != in.end()) return found->second;
    return in[in.size() < names_max ? std::string{name} : std::string{"(others)"}];
}

void count_outcome(outcome_counts& to, verdict v, bool is_alone)
{
    if (is_good(v)) {
        ++to.let_in;
    } else if (is_refused(v)) {
        ++to.refused;
        if (is_alone) ++to.refused_alone;
    } else {
        ++(v == verdict::deferred ? to.deferred : to.left);
    }
}

struct listing {
    std::string_view list;
    int weight = 0;
};

/// "zen.example:127.0.0.2*3": a list with several answers has one part for each.
std::vector<listing> listings_of(std::string_view text)
{
    std::vector<listing> out;
    for_each_part(text, [&out](std::string_view part) {
        const auto star = part.rfind('*');
        if (star == std::string_view::npos) return;
        const auto name_end = std::min(part.find(':'), star); // a feed has no answer
        int weight = 0;
        std::from_chars(part.data() + star + 1, part.data() + part.size(), weight);
        const auto name = part.substr(0, name_end);
        const auto found = std::ranges::find(out, name, &listing::list);
        if (found == out.end())
            out.push_back({name, weight});
        else
            found->weight += weight;
    });
    return out;
}

template <class Entry>
void add_bounded(std::vector<Entry>& to, Entry one, std::size_t entries_max,
                 std::uint64_t& left_out)
{
    if (to.size() < entries_max)
        to.push_back(std::move(one));
    else
        ++left_out;
}

std::vector<report_top> top_of(const space_saving<ip_address>& from, std::size_t count,
                               bool is_networks)
{
    std::vector<report_top> out;
    for (const auto& one : from.top(count)) {
        if (one.error > one.count / 2) continue; // as well another one's
        auto name = to_text(one.key);
        if (is_networks) name += one.key.is_v4() ? "/24" : "/48";
        out.push_back({std::move(name), one.count, one.error, one.marked});
    }
    return out;
}

} // namespace

std::uint64_t report_totals::sessions() const noexcept
{
    std::uint64_t all = 0;
    for (const auto count : verdicts)
        all += count;
    return all;
}

std::uint64_t report_totals::good() const noexcept
{
    std::uint64_t all = 0;
    for (const auto v : report_verdicts)
        if (is_good(v)) all += of(v);
    return all;
}

std::uint64_t report_totals::refused() const noexcept
{
    return of(verdict::rejected) + of(verdict::dropped);
}

report_builder::report_builder(const report_period& when, const builder_limits& limits)
    : limits_{limits}
    , when_{when}
    , before_when_{when.begin - (when.end - when.begin), when.begin}
    , clients_{limits.counters}
    , networks_{limits.counters}
{
}

void report_builder::note_failure(std::string text)
{
    read_.failures.push_back(std::move(text));
}

void report_builder::add(line_kind kind, const log_entry& entry)
{
    ++read_.lines;
    switch (kind) {
    case line_kind::other: ++read_.other; return;
    case line_kind::timeless: ++read_.timeless; return;
    case line_kind::damaged: ++read_.damaged; return;
    case line_kind::event: break;
    }
    const auto what = fact_of(entry);
    if (std::holds_alternative<damaged_entry>(what)) {
        ++read_.damaged;
        return;
    }
    if (std::holds_alternative<std::monostate>(what)) {
        ++read_.other;
        return;
    }
    const instant when = *entry.time;
    if (!read_.first || when < *read_.first) read_.first = when;
    if (!read_.last || when > *read_.last) read_.last = when;
    if (!when_.holds(when) && !before_when_.holds(when)) {
        ++read_.outside;
        return;
    }
    ++read_.used;
    const bool is_now = when_.holds(when);
    std::visit([&](const auto& one) { on(when, is_now, one); }, what);
}

void report_builder::on(instant, bool is_now, const connection_fact&)
{
    ++totals_of(is_now).connections;
}

void report_builder::on(instant, bool is_now, const list_miss_fact& miss)
{
    ++counts_of(totals_of(is_now).lists, miss.zone, limits_.names).misses;
}

// ── sessions ──────────────────────────────────────────────────────────────────────────────────

void report_builder::on(instant when, bool is_now, const session_fact& session)
{
    const auto connected = when - std::chrono::duration_cast<seconds>(session.total);
    report_totals& to = totals_of(is_now);
    const auto place = static_cast<std::size_t>(session.verdict);
    ++to.verdicts[place];
    if (!session.is_complete) ++to.incomplete;
    to.octets_in += session.octets_in;
    to.octets_out += session.octets_out;
    count_reasons(to, session);
    const auto turned_away_by = count_lists(to, session);
    if (is_now) {
        const instant hour = std::chrono::floor<std::chrono::hours>(when);
        if (hours_.size() < limits_.hours || hours_.contains(hour)) ++hours_[hour][place];
        const bool is_turned_away = is_refused(session.verdict);
        clients_.add(session.client, is_turned_away);
        networks_.add(network_address(session.client), is_turned_away);
    }
    if (is_good(session.verdict))
        recall(connected, is_now, session);
    else
        remember(connected, session, turned_away_by);
}

void report_builder::count_reasons(report_totals& to, const session_fact& session)
{
    const bool is_alone = session.reasons.find(',') == std::string_view::npos;
    for_each_part(session.reasons, [&](std::string_view reason) {
        count_outcome(counts_of(to.reasons, reason, limits_.names), session.verdict, is_alone);
    });
}

/// @return bits of the lists that speak against a client that is turned away
std::uint64_t report_builder::count_lists(report_totals& to, const session_fact& session)
{
    if (session.lists.empty()) return 0;
    const auto all = listings_of(session.lists);
    const auto against = std::ranges::count_if(all, [](const listing& l) { return l.weight > 0; });
    std::uint64_t found = 0;
    for (const auto& one : all) {
        auto& counts = counts_of(to.lists, one.list, limits_.names);
        if (one.weight > 0)
            count_outcome(counts.hits, session.verdict, against == 1);
        else if (one.weight < 0)
            ++counts.good_word;
        if (one.weight > 0 && is_refused(session.verdict)) found |= bit_of(one.list);
    }
    return found;
}

std::uint64_t report_builder::bit_of(std::string_view list)
{
    const auto name = list.substr(0, name_octets);
    const auto found = std::ranges::find(list_names_, name);
    const auto place = static_cast<std::size_t>(found - list_names_.begin());
    if (found == list_names_.end()) {
        if (place == bits) return 0;
        list_names_.emplace_back(name);
    }
    return std::uint64_t{1} << place;
}

void report_builder::remember(instant connected, const session_fact& session, std::uint64_t lists)
{
    const auto host = host_of(session.client);
    auto found = young_.find(host);
    if (found == young_.end()) {
        if (young_.size() >= limits_.memories) {
            old_ = std::move(young_);
            young_.clear();
        }
        memory fresh{connected, 0, session.verdict, cut(session.reasons, waited_octets), 0};
        if (const auto older = old_.find(host); older != old_.end()) {
            fresh = std::move(older->second);
            old_.erase(older);
        }
        found = young_.emplace(host, std::move(fresh)).first;
    }
    ++found->second.tries;
    found->second.lists |= lists;
}

/// A client comes in: how long that has taken, and what has turned it away before.
void report_builder::recall(instant connected, bool is_now, const session_fact& session)
{
    const auto host = host_of(session.client);
    memory known{connected, 0, session.verdict, cut(session.reasons, waited_octets), 0};
    for (auto* const generation : {&young_, &old_})
        if (const auto found = generation->find(host); found != generation->end()) {
            known = std::move(found->second);
            generation->erase(found);
        }
    if (!is_now) return;
    for (std::size_t place = 0; place < list_names_.size(); ++place)
        if ((known.lists >> place & 1U) != 0)
            ++counts_of(now_.lists, list_names_[place], limits_.names).later_passed;
    const milliseconds waited =
        std::max<seconds>(connected - known.first, seconds{0}) + session.screening;
    keep_waited({session.client, connected, waited, known.tries + 1, known.verdict,
                 std::move(known.reasons), session.late_wait});
}

void report_builder::keep_waited(waited_client&& one)
{
    if (one.waited < seconds{1}) return; // too short to be noticed
    const auto same = std::ranges::find(waited_, one.client, &waited_client::client);
    if (same != waited_.end()) {
        if (same->waited >= one.waited) return;
        waited_.erase(same);
    }
    const auto place = std::ranges::find_if(
        waited_, [&](const waited_client& other) { return other.waited < one.waited; });
    if (waited_.size() >= limits_.top && place == waited_.end()) return;
    waited_.insert(place, std::move(one));
    if (waited_.size() > limits_.top) waited_.pop_back();
}

// ── the rest ──────────────────────────────────────────────────────────────────────────────────

void report_builder::on(instant when, bool is_now, const trouble_fact& what)
{
    const auto open =
        std::ranges::find_if(troubles_.rbegin(), troubles_.rend(), [&](const trouble_span& one) {
            return one.kind == what.kind && one.name == what.name && !one.end;
        });
    if (open != troubles_.rend()) {
        open->clients = std::max(open->clients, what.clients);
        if (what.is_over) open->end = when;
        return;
    }
    // It began before what was read, or its first line is missing.
    trouble_span fresh{what.kind,
                       cut(what.name, name_octets),
                       cut(what.reason, text_octets),
                       when - what.since,
                       std::nullopt,
                       what.clients};
    if (what.is_over) fresh.end = when;
    ++totals_of(is_now).troubles;
    add_bounded(troubles_, std::move(fresh), limits_.entries, troubles_left_out_);
}

void report_builder::on(instant when, bool is_now, const change_fact& what)
{
    if (!is_now) return;
    add_bounded(changes_, change_at{when, what.kind, cut(what.text, text_octets)}, limits_.entries,
                changes_left_out_);
}

void report_builder::on(instant when, bool is_now, const incident_fact& what)
{
    if (!is_now) return;
    auto& sum = incidents_[static_cast<std::size_t>(what.kind)];
    sum.kind = what.kind;
    sum.count += what.count;
    sum.last = when;
    sum.text = cut(what.text, text_octets);
}

report report_builder::finish(std::string host) const
{
    report out;
    out.host = std::move(host);
    out.when = when_;
    // A part of the time before would make all look as if it had grown.
    const auto quarter = (when_.end - when_.begin) / 4;
    out.is_compared = before_.sessions() > 0 && read_.first <= before_when_.begin + quarter;
    out.now = now_;
    out.before = before_;
    out.hours = hours_;
    out.clients = top_of(clients_, limits_.top, false);
    out.networks = top_of(networks_, limits_.top, true);
    out.waited = waited_;
    std::ranges::copy_if(troubles_, std::back_inserter(out.troubles), [this](const auto& one) {
        return one.begin < when_.end && (!one.end || *one.end >= when_.begin);
    });
    out.troubles_left_out = troubles_left_out_;
    out.changes = changes_;
    out.changes_left_out = changes_left_out_;
    std::ranges::copy_if(incidents_, std::back_inserter(out.incidents),
                         [](const auto& one) { return one.count != 0; });
    if (out.is_compared) out.differences = differences(now_, before_);
    out.read = read_;
    return out;
}

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/report/fact.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <concepts>

namespace fendmail::app {

using screen::verdict;

namespace {

/// 0 when it is none, as of a name that is not there.
template <std::integral Number>
Number number_of(std::string_view text) noexcept
{
    Number value = 0;
    const auto [stop, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
    return fault == std::errc{} ? value : Number{0};
}

/// "6.010"
milliseconds span_of(std::string_view text) noexcept
{
    const auto dot = std::min(text.find('.'), text.size());
    milliseconds span = seconds{number_of<std::uint32_t>(text.substr(0, dot))};
    auto unit = milliseconds{100};
    for (const char c : text.substr(std::min(dot + 1, text.size()))) {
        if (c < '0' || c > '9') break;
        span += unit * (c - '0');
        unit /= 10;
    }
    return span;
}

/// "192.0.2.1", or "[192.0.2.1]:25" as in lines of postscreen's format.
std::optional<ip_address> address_of(std::string_view text) noexcept
{
    if (text.starts_with('[')) {
        const auto where = parse_endpoint(text);
        if (!where) return std::nullopt;
        return where->address;
    }
    const auto address = parse_address(text);
    if (!address) return std::nullopt;
    return *address;
}

fact session_of(const log_entry& e)
{
    session_fact out;
    const auto client = address_of(e.get("client"));
    const auto word = e.get("verdict");
    const auto* const found = std::ranges::find_if(
        report_verdicts, [word](verdict v) { return screen::to_string(v) == word; });
    const auto total = e.get("total_seconds");
    if (!client || found == report_verdicts.end() || total.empty()) return damaged_entry{};
    out.client = *client;
    out.verdict = *found;
    out.reasons = e.get("reasons");
    out.lists = e.get("dnsbl_lists");
    out.is_complete = e.get("dnsbl_complete") != "false";
    out.screening = span_of(e.get("screening_seconds"));
    out.late_wait = span_of(e.get("late_wait_seconds"));
    out.total = span_of(total);
    out.octets_in = number_of<std::uint64_t>(e.get("octets_in"));
    out.octets_out = number_of<std::uint64_t>(e.get("octets_out"));
    return out;
}

/// How the events of a trouble are called, and which field names what has it.
struct trouble_row {
    std::string_view event;
    trouble kind;
    bool is_over;
    std::string_view name;
};
constexpr std::array trouble_rows{
    trouble_row{"backend_unavailable", trouble::backend, false, "backend"},
    trouble_row{"backend_restored", trouble::backend, true, "backend"},
    trouble_row{"backend_suspended", trouble::identity, false, "backend"},
    trouble_row{"backend_proven", trouble::identity, true, "backend"},
    trouble_row{"list_suspended", trouble::list, false, "zone"},
    trouble_row{"list_restored", trouble::list, true, "zone"},
    trouble_row{"resolver_unavailable", trouble::resolver, false, "resolver"},
    trouble_row{"resolver_available", trouble::resolver, true, "resolver"},
    trouble_row{"resolver_distrusted", trouble::resolver_trust, false, "resolver"},
    trouble_row{"resolver_restored", trouble::resolver_trust, true, "resolver"},
    trouble_row{"resolver_losing", trouble::resolver_losses, false, "resolver"},
    trouble_row{"resolver_steady", trouble::resolver_losses, true, "resolver"},
    trouble_row{"store_unavailable", trouble::store, false, ""},
    trouble_row{"store_restored", trouble::store, true, ""},
    trouble_row{"log_unavailable", trouble::log, false, "target"},
    trouble_row{"log_restored", trouble::log, true, "target"},
};

fact trouble_of(const log_entry& e, const trouble_row& row)
{
    trouble_fact out{row.kind, row.is_over, {}, e.get("reason"), {}, 0};
    if (!row.name.empty()) {
        out.name = e.get(row.name);
        if (out.name.empty()) return damaged_entry{};
    }
    out.since = seconds{number_of<std::uint32_t>(e.get("after_seconds"))};
    out.clients = number_of<std::size_t>(e.get("clients"));
    // The first line about a backend tells of one client, and says the number only in JSON.
    if (row.event == "backend_unavailable" && out.clients == 0) out.clients = 1;
    return out;
}

struct change_row {
    std::string_view event;
    change kind;
    std::string_view text; ///< the field that says more
};
constexpr std::array change_rows{
    change_row{"started", change::started, "version"},
    change_row{"stopped", change::stopped, ""},
    change_row{"reloaded", change::reloaded, ""},
    change_row{"reload_rejected", change::reload_rejected, "errors"},
    change_row{"reload_incomplete", change::restart_needed, "keys"},
};

struct incident_row {
    std::string_view event;
    incident kind;
    std::string_view count; ///< the field that says how many
    std::string_view text;
};
constexpr std::array incident_rows{
    incident_row{"accept_failed", incident::accept_failed, "", "reason"},
    incident_row{"log_lines_lost", incident::lines_lost, "lines", "reason"},
    incident_row{"store_moved_aside", incident::store_moved_aside, "", "to"},
    incident_row{"proxy_header_refused", incident::proxy_refused, "suppressed", "reason"},
    incident_row{"sender_outdated", incident::sender_outdated, "", "domain"},
    incident_row{"feed_rejected", incident::feed_rejected, "", "feed"},
    incident_row{"feed_outdated", incident::feed_outdated, "", "feed"},
    incident_row{"internal_error", incident::internal_error, "", "text"},
};

fact incident_of(const log_entry& e, const incident_row& row)
{
    incident_fact out{row.kind, 1, e.get(row.text)};
    if (row.kind == incident::lines_lost) out.count = number_of<std::uint64_t>(e.get(row.count));
    if (row.kind == incident::proxy_refused) {
        out.count = number_of<std::uint64_t>(e.get(row.count)) + 1;
        // In postscreen's format what the balancer sent stands behind the reason.
        out.text = out.text.substr(0, out.text.find(": "));
    }
    return out;
}

template <class Rows>
auto find_row(const Rows& rows, std::string_view event) noexcept
{
    const auto found =
        std::ranges::find_if(rows, [event](const auto& r) { return r.event == event; });
    return found == rows.end() ? nullptr : &*found;
}

} // namespace

fact fact_of(const log_entry& e)
{
    if (e.event == "session_ended") return session_of(e);
    if (e.event == "connected") return connection_fact{};
    if (e.event == "dnsbl_failed" || e.event == "dnsbl_answer_ignored")
        return list_miss_fact{e.get("zone")};
    if (e.event == "stress_changed")
        return trouble_fact{trouble::stress, e.get("entered") != "true", {}, {}, {}, 0};
    if (const auto* const row = find_row(trouble_rows, e.event)) return trouble_of(e, *row);
    if (const auto* const row = find_row(change_rows, e.event))
        return change_fact{row->kind, row->text.empty() ? std::string_view{} : e.get(row->text)};
    if (const auto* const row = find_row(incident_rows, e.event)) return incident_of(e, *row);
    return std::monostate{};
}

std::string_view to_string(trouble t) noexcept
{
    switch (t) {
    case trouble::backend:
    case trouble::identity: return "backend";
    case trouble::list: return "list";
    case trouble::resolver:
    case trouble::resolver_trust:
    case trouble::resolver_losses: return "resolver";
    case trouble::store: return "client store";
    case trouble::log: return "log";
    case trouble::stress: return "load";
    }
    return "unknown trouble";
}

std::string_view state_of(trouble t) noexcept
{
    switch (t) {
    case trouble::backend:
    case trouble::store:
    case trouble::log: return "unavailable";
    case trouble::identity: return "suspended: it does not take the addresses of clients";
    case trouble::list: return "suspended";
    case trouble::resolver: return "answers nothing";
    case trouble::resolver_trust: return "answers for names that do not exist";
    case trouble::resolver_losses: return "loses much";
    case trouble::stress: return "near limits.screening: shorter limits apply (stress)";
    }
    return "?";
}

std::string_view to_string(change c) noexcept
{
    switch (c) {
    case change::started: return "started";
    case change::stopped: return "stopped";
    case change::reloaded: return "configuration reloaded";
    case change::reload_rejected: return "reload rejected";
    case change::restart_needed: return "restart needed";
    }
    return "unknown change";
}

std::string_view to_string(incident i) noexcept
{
    switch (i) {
    case incident::accept_failed: return "could not accept connections";
    case incident::lines_lost: return "log lines lost";
    case incident::store_moved_aside: return "damaged client store moved aside";
    case incident::proxy_refused: return "PROXY headers refused";
    case incident::sender_outdated: return "networks of a known sender outdated";
    case incident::feed_rejected: return "file of a feed refused";
    case incident::feed_outdated: return "feed outdated";
    case incident::internal_error: return "internal error, please report it";
    }
    return "unknown incident";
}

bool is_good(verdict v) noexcept
{
    switch (v) {
    case verdict::allowlisted:
    case verdict::pass_old:
    case verdict::pass_new:
    case verdict::passed: return true;
    case verdict::rejected:
    case verdict::dropped:
    case verdict::deferred:
    case verdict::left: break;
    }
    return false;
}

bool is_refused(verdict v) noexcept
{
    return v == verdict::rejected || v == verdict::dropped;
}

} // namespace fendmail::app

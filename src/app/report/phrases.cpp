// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/report/log_parser.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace fendmail::app {

namespace {

/// A line of postscreen's format, with its fields in braces; {_} is text that is not kept.
struct phrase {
    std::string_view event;
    std::string_view form;
    log_field fixed{}; ///< what the phrase says by its words
};

// The longer of two that begin alike stands first.
constexpr std::array phrases{
    phrase{"connected", "CONNECT from {client} to {local}"},
    phrase{"dnsbl_failed", "warning: dnsbl {zone} gives no answer for {client}: {reason}; counted "
                           "as not listed"},
    phrase{"dnsbl_answer_ignored", "warning: dnsbl {zone} answers {answer} for {client}, {_}"},
    phrase{"list_suspended", "warning: dnsbl {zone} suspended: {reason}; it counts for nothing "
                             "until its test succeeds: {advice}"},
    phrase{"list_restored", "dnsbl {zone} is in use again after {after_seconds} s: {_}"},
    phrase{"backend_unavailable",
           "warning: backend {backend} unavailable for {client}: {reason}; for {after_seconds} s "
           "now, {clients} client{_} could not be handed over"},
    phrase{"backend_unavailable", "warning: backend {backend} unavailable for {client}: {reason}"},
    phrase{"backend_suspended", "warning: backend {backend} suspended: it does not take the "
                                "address of the client: {reason}; clients are told to come again "
                                "until it does: {advice}"},
    phrase{"backend_restored", "backend {backend} takes clients again after {after_seconds} s; "
                               "{clients} client{_} could not be handed over meanwhile"},
    phrase{"backend_proven", "backend {backend} is in use again after {after_seconds} s: it takes "
                             "the address of the client; {clients} clients were told to come "
                             "again meanwhile"},
    phrase{"resolver_distrusted", "warning: resolver {resolver} answers for names that do not "
                                  "exist; {_}"},
    phrase{"resolver_unavailable", "warning: resolver {resolver} unavailable: {reason} ({sent} "
                                   "questions sent, {_}"},
    phrase{"resolver_losing", "warning: resolver {resolver} loses much: {sent} questions sent, "
                              "{answered} answered, {lost} lost, {_}"},
    phrase{"resolver_restored", "resolver {resolver} is trusted again after {after_seconds} s"},
    phrase{"resolver_available", "resolver {resolver} answers again after {after_seconds} s"},
    phrase{"resolver_steady", "resolver {resolver} loses little again after {after_seconds} s: "
                              "{_}"},
    phrase{"store_unavailable", "warning: client store unavailable: {reason}; for {after_seconds} "
                                "s now, tried {failures} times; until it works, {_}"},
    phrase{"store_unavailable", "warning: client store unavailable: {reason}; until it works, {_}"},
    phrase{"store_moved_aside", "warning: client store {path} is unusable ({reason}): moved to "
                                "{to} and started empty; {_}"},
    phrase{"store_restored", "client store {path} works again after {after_seconds} s; {records} "
                             "record{_} waited in memory for it"},
    phrase{"log_unavailable", "warning: cannot write the log to {target}: {reason}; until that "
                              "works, it goes to stderr"},
    phrase{"log_restored", "the log goes to {target} again after {after_seconds} s"},
    phrase{"log_lines_lost", "warning: {lines} log line{_} lost between {since} and {until}: "
                             "{reason}"},
    phrase{
        "stress_changed", "entering STRESS mode with {sessions} connections", {"entered", "true"}},
    phrase{
        "stress_changed", "leaving STRESS mode with {sessions} connections", {"entered", "false"}},
    phrase{"accept_failed", "warning: cannot accept connections: {reason}; new clients wait: {_}"},
    phrase{"proxy_header_refused", "warning: haproxy read: {balancer} (and {suppressed} others "
                                   "before it): {reason}"},
    phrase{"proxy_header_refused", "warning: haproxy read: {balancer}: {reason}"},
    phrase{"sender_outdated", "warning: known sender {domain}: its {networks} networks are {_} old "
                              "and stay in use: {_}"},
    phrase{"feed_rejected", "warning: feed {feed}: {file} is refused: {reason}"},
    phrase{"feed_outdated", "warning: feed {feed}: its {entries} entries are {_} old and stay in "
                            "use: {_}"},
    phrase{"started", "started version {version} with configuration {config}"},
    phrase{"stopped", "stopped, {sessions_cut} session{_} cut off"},
    phrase{"reloaded", "reloaded configuration {config}"},
    phrase{"reload_rejected", "error: configuration not reloaded, the old one stays in use: "
                              "{errors}"},
    phrase{"reload_incomplete", "warning: restart needed before these changes take effect: "
                                "{keys}"},
    phrase{"internal_error", "error: internal error: {text}; please report it"},
};

/// Names in SUMMARY that are others than those of the fields.
constexpr std::array summary_names{
    log_field{"dnsbl", "dnsbl_score"},
    log_field{"lists", "dnsbl_lists"},
    log_field{"screening", "screening_seconds"},
    log_field{"late_wait", "late_wait_seconds"},
    log_field{"hand_off", "hand_off_seconds"},
    log_field{"total", "total_seconds"},
    log_field{"in", "octets_in"},
    log_field{"out", "octets_out"},
};

/// Each field reaches to the first place where what follows it in the form stands.
bool match(std::string_view form, std::string_view message, std::vector<log_field>& out)
{
    out.clear();
    while (!form.empty()) {
        std::string_view name;
        if (form.front() == '{') {
            const auto end = form.find('}');
            name = form.substr(1, end - 1);
            form.remove_prefix(end + 1);
        }
        const auto literal = form.substr(0, std::min(form.find('{'), form.size()));
        form.remove_prefix(literal.size());
        if (name.empty()) {
            if (!message.starts_with(literal)) return false;
        } else {
            const auto end = literal.empty() ? message.size() : message.find(literal);
            if (end == std::string_view::npos) return false;
            if (name != "_") out.push_back({name, message.substr(0, end)});
            message.remove_prefix(end);
        }
        message.remove_prefix(literal.size());
    }
    return message.empty();
}

/// "SUMMARY [A]:P name=value …"
line_kind read_summary(std::string_view rest, std::string& keep, log_entry& out)
{
    const auto end = rest.find(' ');
    if (end == std::string_view::npos || !read_pairs(rest.substr(end + 1), keep, out.fields))
        return line_kind::damaged;
    for (auto& field : out.fields) {
        const auto* const renamed = std::ranges::find(summary_names, field.name, &log_field::name);
        if (renamed != summary_names.end()) field.name = renamed->value;
    }
    out.fields.push_back({"client", rest.substr(0, end)});
    out.event = "session_ended";
    return line_kind::event;
}

} // namespace

line_kind read_phrase(std::string_view message, std::string& keep, log_entry& out)
{
    constexpr std::string_view summary = "SUMMARY ";
    if (message.starts_with(summary))
        return read_summary(message.substr(summary.size()), keep, out);
    for (const phrase& one : phrases) {
        if (!match(one.form, message, out.fields)) continue;
        out.event = one.event;
        if (!one.fixed.name.empty()) out.fields.push_back(one.fixed);
        return line_kind::event;
    }
    out.fields.clear();
    return line_kind::other;
}

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/event/render.hpp"

#include "fendmail/core/units.hpp"
#include "fields.hpp"

#include <algorithm>

namespace fendmail::event {

namespace {

/// One phrase for each event. The phrases in capitals, "NOQUEUE: …", "addr … listed by domain …",
/// "… STRESS mode …" and "cache … cleanup: …" are postscreen's and must stay as they are: fail2ban,
/// pflogsumm and exporters parse them.
class phrase_writer {
public:
    phrase_writer(fmt::memory_buffer& out, log_words words)
        : out_{out}
        , allow_{words == log_words::respectful ? "ALLOW" : "WHITE"}
        , deny_{words == log_words::respectful ? "DENY" : "BLACK"}
    {
    }

    void operator()(const connected& e)
    {
        say("CONNECT from ");
        say(to_text(e.client));
        say(" to ");
        say(to_text(e.local));
    }
    void operator()(const allowlisted& e) { say("{}LISTED {}", allow_, to_text(e.client)); }
    void operator()(const denylisted& e)
    {
        say("{}LISTED {}", deny_, to_text(e.client));
        if (e.rule.empty()) return;
        say(" by ");
        own(e.rule);
    }
    void operator()(const known_sender& e)
    {
        say("KNOWN SENDER {} ", to_text(e.client));
        own(e.domain);
    }
    void operator()(const vetoed& e) { say("{}LIST VETO {}", allow_, to_text(e.client)); }
    void operator()(const passed& e)
    {
        say(e.is_new ? "PASS NEW " : "PASS OLD ");
        say(to_text(e.client));
    }
    void operator()(const pregreeted& e)
    {
        say("PREGREET {} after ", e.octets);
        append_delay(out_, e.after);
        say(" from {}: ", to_text(e.client));
        append_client_text(out_, e.text);
    }
    void operator()(const dnsbl_scored& e)
    {
        say("DNSBL rank {} for {}", e.score, to_text(e.client));
    }
    void operator()(const client_name_counted& e)
    {
        say("CLIENT NAME {} weight {} for {}", e.signal, e.weight, to_text(e.client));
        if (e.text.empty()) return;
        say(": ");
        append_client_text(out_, e.text);
    }
    void operator()(const hung_up& e)
    {
        say("HANGUP after ");
        append_delay(out_, e.after);
        say(" from {} {}", to_text(e.client), during(e.phase));
    }
    void operator()(const disconnected& e) { say("DISCONNECT {}", to_text(e.client)); }
    void operator()(const recipient_refused& e)
    {
        say("NOQUEUE: reject: RCPT from {}: ", to_text(e.client));
        own(e.reply);
        say("; from=<");
        append_bracketed(out_, e.from);
        say(">, to=<");
        append_bracketed(out_, e.to);
        say(">, proto={}, helo=<", e.esmtp ? "ESMTP" : "SMTP");
        append_bracketed(out_, e.helo);
        say(">");
    }
    void operator()(const connect_refused& e)
    {
        say("NOQUEUE: reject: CONNECT from {}: {}", to_text(e.client), reason(e.why));
    }
    void operator()(const mail_without_recipient& e)
    {
        append_client_text(out_, e.verb);
        say(" without valid RCPT from {}", to_text(e.client));
    }
    void operator()(const command_limit_exceeded& e)
    {
        say("COMMAND {} LIMIT from {} after ", limit(e.which), to_text(e.client));
        append_client_text(out_, e.after);
    }
    void operator()(const protocol_fault& e);
    void operator()(const plaintext_injected& e)
    {
        say("PLAINTEXT AFTER STARTTLS from {}: ", to_text(e.client));
        append_client_text(out_, e.text);
    }
    void operator()(const relay_stopped& e)
    {
        say("RELAY STOPPED for {}: {} in {} at octet {}", to_text(e.client), e.fault, e.place,
            e.offset);
    }
    void operator()(const tls_started& e)
    {
        // Postfix says so of a client without a certificate, and we ask for none.
        say("Anonymous TLS connection established from {}: ", to_text(e.client));
        own(e.summary);
    }
    void operator()(const tls_failed& e)
    {
        say("TLS failed for {}: ", to_text(e.client));
        own(e.reason);
    }
    void operator()(const proxy_header_refused& e)
    {
        say("haproxy read: {}", to_text(e.balancer));
        if (e.untold != 0) say(" (and {} others before it)", e.untold);
        say(": ");
        own(e.reason);
        if (e.text.empty()) return;
        say(": ");
        append_client_text(out_, e.text);
    }
    void operator()(const session_ended& e);

    void operator()(const dnsbl_listed& e)
    {
        say("addr {} listed by domain ", to_text(e.client));
        own(e.zone);
        say(" as {}", to_text(e.answer));
    }
    void operator()(const dnsbl_answer_ignored& e)
    {
        say("dnsbl ");
        own(e.zone);
        say(" answers {} for {}, ", to_text(e.answer), to_text(e.client));
        say("{}", e.error_code
                      ? "an error code of the list and not a listing; it is ignored: check "
                        "whether the list lets this resolver ask"
                      : "which no list answers; it is ignored: check the resolver, and whether "
                        "the list still exists");
    }
    void operator()(const dnsbl_failed& e)
    {
        say("dnsbl ");
        own(e.zone);
        say(" gives no answer for {}: ", to_text(e.client));
        own(e.reason);
        say("; counted as not listed");
    }
    void operator()(const resolver_unavailable& e)
    {
        say("resolver ");
        own(e.resolver);
        say(" unavailable: ");
        own(e.reason);
        say(" (");
        traffic(e.traffic);
        say("); clients count as not listed until it answers: check the configured resolvers");
    }
    void operator()(const resolver_available& e)
    {
        say("resolver ");
        own(e.resolver);
        say(" answers again after {} s", e.after.count());
    }
    void operator()(const resolver_losing& e)
    {
        say("resolver ");
        own(e.resolver);
        say(" loses much: ");
        traffic(e.traffic);
        say("; clients wait longer: look at its load, its receive buffer and the way to it");
    }
    void operator()(const resolver_steady& e)
    {
        say("resolver ");
        own(e.resolver);
        say(" loses little again after {} s: ", e.after.count());
        traffic(e.traffic);
    }
    void traffic(const resolver_traffic& t)
    {
        say("{} questions sent, {} answered, {} lost, asked again after {} ms, {} at a time",
            t.sent, t.answered, t.lost, t.retransmission.count(), t.window);
    }

    void operator()(const list_suspended& e)
    {
        say("dnsbl ");
        own(e.zone);
        say(" suspended: ");
        own(e.reason);
        say("; it counts for nothing until its test succeeds: ");
        own(e.advice);
    }
    void operator()(const list_restored& e)
    {
        say("dnsbl ");
        own(e.zone);
        say(" is in use again after {} s: its test succeeded", e.after.count());
    }
    void operator()(const resolver_distrusted& e)
    {
        say("resolver ");
        own(e.resolver);
        say(" answers for names that do not exist; the lists asked through it count for nothing "
            "until it stops: use a resolver that does not rewrite answers (dnsbl.resolvers)");
    }
    void operator()(const resolver_restored& e)
    {
        say("resolver ");
        own(e.resolver);
        say(" is trusted again after {} s", e.after.count());
    }

    void operator()(const sender_loaded& e)
    {
        sender(e.domain);
        say(": {} networks, {} old", e.networks, age_text(e.age));
    }
    void operator()(const sender_refreshed& e)
    {
        sender(e.domain);
        say(": {} networks, refreshed, {}", e.networks, e.changed ? "changed" : "unchanged");
    }
    void operator()(const sender_not_refreshed& e)
    {
        sender(e.domain);
        say(" not refreshed: ");
        own(e.reason);
        if (e.networks == 0)
            say("; it has no networks");
        else
            say("; its {} networks, {} old, stay in use", e.networks, age_text(e.age));
    }
    void operator()(const sender_partial& e)
    {
        sender(e.domain);
        say(": a part of its SPF record is not used: ");
        own(e.notes);
    }
    void operator()(const sender_outdated& e)
    {
        sender(e.domain);
        say(": its {} networks are {} old and stay in use: check why its SPF record cannot be "
            "had, or take it out of known_senders.spf",
            e.networks, age_text(e.age));
    }

    void operator()(const backend_unavailable& e)
    {
        say("backend ");
        own(e.backend);
        say(" unavailable for {}: ", to_text(e.client));
        own(e.reason);
        if (e.after == seconds{0}) return;
        say("; for {} s now, {} client{} could not be handed over", e.after.count(), e.clients,
            e.clients == 1 ? "" : "s");
    }
    void operator()(const backend_restored& e)
    {
        say("backend ");
        own(e.backend);
        say(" takes clients again after {} s; {} client{} could not be handed over meanwhile",
            e.after.count(), e.clients, e.clients == 1 ? "" : "s");
    }
    void operator()(const backend_suspended& e)
    {
        say("backend ");
        own(e.backend);
        say(" suspended: it does not take the address of the client: ");
        own(e.reason);
        say("; clients are told to come again until it does: ");
        own(e.advice);
    }
    void operator()(const backend_proven& e)
    {
        say("backend ");
        own(e.backend);
        say(" is in use again after {} s: it takes the address of the client; {} clients were "
            "told to come again meanwhile",
            e.after.count(), e.clients);
    }
    void operator()(const store_unavailable& e)
    {
        say("client store unavailable: ");
        own(e.reason);
        if (e.after != seconds{0})
            say("; for {} s now, tried {} times", e.after.count(), e.failures);
        say("; until it works, clients that pass are remembered in memory: check its file and "
            "disk");
    }
    void operator()(const store_restored& e)
    {
        say("client store ");
        own(e.path);
        say(" works again after {} s; {} record{} waited in memory for it", e.after.count(),
            e.records, e.records == 1 ? "" : "s");
    }
    void operator()(const store_moved_aside& e)
    {
        say("client store ");
        own(e.path);
        say(" is unusable (");
        own(e.reason);
        say("): moved to ");
        own(e.to);
        say(" and started empty; delete that file when nobody needs it");
    }
    void operator()(const store_swept& e)
    {
        say("cache clients full cleanup: retained={} dropped={} entries", e.retained, e.dropped);
    }

    void operator()(const started& e)
    {
        say("started version ");
        own(e.version);
        say(" with configuration ");
        own(e.config);
    }
    void operator()(const listening& e)
    {
        say("listening on ");
        own(e.address);
        say(" with {} worker{}", e.workers, e.workers == 1 ? "" : "s");
    }
    void operator()(const privileges_dropped& e)
    {
        say("privileges dropped, running as user ");
        own(e.user);
    }
    void operator()(const accept_failed& e)
    {
        say("cannot accept connections: ");
        own(e.reason);
        say("; new clients wait: if this lasts, raise the limit of open files (LimitNOFILE)");
    }
    void operator()(const stress_changed& e)
    {
        say("{} STRESS mode with {} connections", e.entered ? "entering" : "leaving", e.sessions);
    }
    void operator()(const reloaded& e)
    {
        say("reloaded configuration ");
        own(e.config);
    }
    void operator()(const reload_rejected& e)
    {
        say("configuration not reloaded, the old one stays in use: ");
        own(e.errors);
    }
    void operator()(const reload_incomplete& e)
    {
        say("restart needed before these changes take effect: ");
        own(e.keys);
    }
    void operator()(const stopping& e)
    {
        say("stopping: {} session{} may finish within {} s", e.sessions, e.sessions == 1 ? "" : "s",
            e.deadline.count());
    }
    void operator()(const stopped& e)
    {
        say("stopped, {} session{} cut off", e.sessions_cut, e.sessions_cut == 1 ? "" : "s");
    }
    void operator()(const log_unavailable& e)
    {
        say("cannot write the log to ");
        own(e.target);
        say(": ");
        own(e.reason);
        say("; until that works, it goes to stderr");
    }
    void operator()(const log_restored& e)
    {
        say("the log goes to ");
        own(e.target);
        say(" again after {} s", e.after.count());
    }
    void operator()(const log_lines_lost& e)
    {
        say("{} log line{} lost between {} and {}: ", e.lines, e.lines == 1 ? "" : "s", e.since,
            e.until);
        own(e.reason);
    }
    void operator()(const notice& e) { own(e.text); }
    void operator()(const caution& e) { own(e.text); }
    void operator()(const internal_error& e)
    {
        say("internal error: ");
        own(e.text);
        say("; please report it");
    }

private:
    template <class... Args>
    void say(fmt::format_string<const Args&...> format, const Args&... args)
    {
        fmt::format_to(fmt::appender(out_), format, args...);
    }
    /// Octets as they are, for what every connection logs and where there is nothing to format:
    /// fmt reads a format string anew each time, which costs more than all else here.
    void say(std::string_view text) { out_.append(text.data(), text.data() + text.size()); }
    void count(std::string_view name, std::uint64_t number)
    {
        const fmt::format_int digits{number};
        say(name);
        say({digits.data(), digits.size()});
    }
    void sender(std::string_view domain)
    {
        say("known sender ");
        own(domain);
    }
    void own(std::string_view text) { append_own_text(out_, text); }

    /// " name=value", or nothing for an empty value.
    void pair(std::string_view name, std::string_view value);
    void pair(std::string_view name, milliseconds value);

    static std::string_view during(phase p) noexcept;
    static std::string_view reason(connect_refusal why) noexcept;
    static std::string_view limit(command_limit which) noexcept;

    fmt::memory_buffer& out_;
    std::string_view allow_;
    std::string_view deny_;
};

std::string_view phrase_writer::during(phase p) noexcept
{
    switch (p) {
    case phase::connect:
    case phase::early: return "in tests before SMTP handshake";
    case phase::dialog: return "in tests after SMTP handshake";
    case phase::hand_off: return "while handing off";
    case phase::relay: return "in relay";
    }
    return "in an unknown phase";
}

/// postscreen has "reject: connect from" for the busy screening ports, though its manual shows the
/// form of the other two; we use one form, so that one pattern finds all.
std::string_view phrase_writer::reason(connect_refusal why) noexcept
{
    switch (why) {
    case connect_refusal::too_many_connections: return "too many connections";
    case connect_refusal::all_screening_ports_busy: return "all screening ports busy";
    case connect_refusal::all_server_ports_busy: return "all server ports busy";
    case connect_refusal::network_asked_too_much: return "too many new clients from its network";
    }
    return "unknown reason";
}

std::string_view phrase_writer::limit(command_limit which) noexcept
{
    switch (which) {
    case command_limit::count: return "COUNT";
    case command_limit::length: return "LENGTH";
    case command_limit::time: return "TIME";
    }
    return "UNKNOWN";
}

void phrase_writer::operator()(const protocol_fault& e)
{
    switch (e.test) {
    case screen::test::bare_newline: say("BARE NEWLINE"); break;
    case screen::test::non_smtp_command: say("NON-SMTP COMMAND"); break;
    case screen::test::pipelining: say("COMMAND PIPELINING"); break;
    case screen::test::pregreet:
    case screen::test::dnsbl: say("PROTOCOL FAULT"); break; // these have events of their own
    }
    say(" from {} after ", to_text(e.client));
    if (e.test != screen::test::bare_newline) say("{}: ", e.after);
    append_client_text(out_, e.text);
}

void phrase_writer::pair(std::string_view name, std::string_view value)
{
    if (value.empty()) return;
    say(" ");
    say(name);
    say("=");
    append_logfmt_value(out_, value);
}

void phrase_writer::pair(std::string_view name, milliseconds value)
{
    say(" ");
    say(name);
    say("=");
    append_seconds(out_, value);
}

void phrase_writer::operator()(const session_ended& e)
{
    fmt::memory_buffer text;
    const auto escaped = [&text](auto append, std::string_view raw) {
        text.clear();
        append(text, raw);
        return std::string_view{text.data(), text.size()};
    };

    say("SUMMARY ");
    say(to_text(e.client));
    count(" session=", e.session);
    pair("verdict", to_string(e.verdict));
    pair("phase", to_string(e.phase));
    pair("ended_by", end_of(e));
    pair("reasons", escaped(append_own_text, e.reasons));
    if (e.dnsbl_score != 0) say(" dnsbl={}", e.dnsbl_score);
    pair("lists", escaped(append_own_text, e.dnsbl_lists));
    if (!e.dnsbl_complete) say(" dnsbl_complete=false");
    pair("dnsbl_skipped", e.dnsbl_skipped);
    if (e.dnsbl_retries != 0) say(" dnsbl_retries={}", e.dnsbl_retries);
    if (!e.reply.empty()) {
        say(" reply=");
        append_quoted(out_, escaped(append_own_text, e.reply));
    }
    pair("helo", escaped(append_client_text, e.helo));
    pair("screening", e.screening);
    if (e.late_wait.count() != 0) pair("late_wait", e.late_wait);
    if (e.hand_off.count() != 0) pair("hand_off", e.hand_off);
    pair("total", e.total);
    if (e.octets_in != 0) count(" in=", e.octets_in);
    if (e.octets_out != 0) count(" out=", e.octets_out);
}

} // namespace

void append_delay(fmt::memory_buffer& out, milliseconds span)
{
    using std::chrono::seconds;
    span = std::max(span, milliseconds{0});
    const auto resolution = span < seconds{1}    ? milliseconds{10}
                            : span < seconds{10} ? milliseconds{100}
                                                 : milliseconds{1000};
    const auto rounded = (span + resolution / 2) / resolution * resolution;
    const auto whole = std::chrono::duration_cast<seconds>(rounded);
    const auto hundredths = (rounded - whole).count() / 10;

    fmt::format_to(fmt::appender(out), "{}", whole.count());
    if (hundredths == 0) return;
    if (hundredths % 10 == 0)
        fmt::format_to(fmt::appender(out), ".{}", hundredths / 10);
    else
        fmt::format_to(fmt::appender(out), ".{:02}", hundredths);
}

void render_postscreen(fmt::memory_buffer& out, const any_event& what, log_words words)
{
    const auto prefix = [level = level_of(what)]() -> std::string_view {
        switch (level) {
        case level::debug:
        case level::info: return "";
        case level::warning: return "warning: ";
        case level::error: return "error: ";
        }
        return "";
    }();
    out.append(prefix.data(), prefix.data() + prefix.size());
    std::visit(phrase_writer{out, words}, what);
}

} // namespace fendmail::event

// SPDX-License-Identifier: Apache-2.0
#include "fields.hpp"

namespace fendmail::event {

namespace {

struct fields_of {
    field_writer& out;

    void client(const endpoint& value) const { out.where("client", "client_port", value); }
    void local(const endpoint& value) const { out.where("local", "local_port", value); }
    void balancer(const endpoint& value) const { out.where("balancer", "balancer_port", value); }

    void operator()(const connected& e) const
    {
        client(e.client);
        local(e.local);
    }
    void operator()(const allowlisted& e) const
    {
        client(e.client);
        out.own_text("rule", e.rule);
    }
    void operator()(const denylisted& e) const
    {
        client(e.client);
        out.own_text("rule", e.rule);
    }
    void operator()(const known_sender& e) const
    {
        client(e.client);
        out.own_text("domain", e.domain);
        out.word("skip", to_string(e.skip));
    }
    void operator()(const vetoed& e) const
    {
        client(e.client);
        local(e.local);
    }
    void operator()(const protocol_fault& e) const
    {
        client(e.client);
        out.word("test", to_string(e.test));
        out.own_text("after", e.after);
        out.client_text("text", e.text);
    }
    void operator()(const plaintext_injected& e) const
    {
        client(e.client);
        out.client_text("text", e.text);
    }
    void operator()(const relay_stopped& e) const
    {
        client(e.client);
        out.word("fault", e.fault);
        out.word("place", e.place);
        out.number("offset", e.offset);
    }
    void operator()(const tls_started& e) const
    {
        client(e.client);
        out.own_text("summary", e.summary);
    }
    void operator()(const tls_failed& e) const
    {
        client(e.client);
        out.own_text("reason", e.reason);
    }
    void operator()(const passed& e) const
    {
        client(e.client);
        out.flag("is_new", e.is_new);
    }
    void operator()(const pregreeted& e) const
    {
        client(e.client);
        out.number("octets", e.octets);
        out.duration("after_seconds", e.after);
        out.client_text("text", e.text);
    }
    void operator()(const dnsbl_scored& e) const
    {
        client(e.client);
        out.number("score", e.score);
        out.own_text("reply_name", e.reply_name);
    }
    void operator()(const client_name_counted& e) const
    {
        client(e.client);
        out.word("signal", e.signal);
        out.number("weight", e.weight);
        out.client_text("text", e.text);
    }
    void operator()(const hung_up& e) const
    {
        client(e.client);
        out.duration("after_seconds", e.after);
        out.word("phase", to_string(e.phase));
    }
    void operator()(const disconnected& e) const { client(e.client); }
    void operator()(const recipient_refused& e) const
    {
        client(e.client);
        out.own_text("reply", e.reply);
        out.client_text("from", e.from);
        out.client_text("to", e.to);
        out.client_text("helo", e.helo);
        out.flag("esmtp", e.esmtp);
    }
    void operator()(const connect_refused& e) const
    {
        client(e.client);
        out.word("why", to_string(e.why));
    }
    void operator()(const mail_without_recipient& e) const
    {
        client(e.client);
        out.client_text("verb", e.verb);
    }
    void operator()(const command_limit_exceeded& e) const
    {
        client(e.client);
        out.word("which", to_string(e.which));
        out.client_text("after", e.after);
    }
    void operator()(const proxy_header_refused& e) const
    {
        balancer(e.balancer);
        local(e.local);
        out.own_text("reason", e.reason);
        out.client_text("text", e.text);
        out.number("untold", e.untold);
    }
    void operator()(const session_ended& e) const
    {
        out.number("session", e.session);
        client(e.client);
        local(e.local);
        out.word("verdict", to_string(e.verdict));
        out.word("ended_by", end_of(e));
        out.word("phase", to_string(e.phase));
        out.own_text("reasons", e.reasons);
        out.number("dnsbl_score", e.dnsbl_score);
        out.flag("dnsbl_complete", e.dnsbl_complete);
        out.own_text("dnsbl_lists", e.dnsbl_lists);
        out.own_text("dnsbl_skipped", e.dnsbl_skipped);
        out.own_text("reply", e.reply);
        out.client_text("helo", e.helo);
        out.duration("screening_seconds", e.screening);
        out.number("dnsbl_retries", e.dnsbl_retries);
        out.duration("late_wait_seconds", e.late_wait);
        out.duration("hand_off_seconds", e.hand_off);
        out.duration("total_seconds", e.total);
        out.number("octets_in", e.octets_in);
        out.number("octets_out", e.octets_out);
    }

    void operator()(const dnsbl_listed& e) const
    {
        out.address("client", e.client);
        out.own_text("zone", e.zone);
        out.address("answer", e.answer);
    }
    void operator()(const dnsbl_answer_ignored& e) const
    {
        out.address("client", e.client);
        out.own_text("zone", e.zone);
        out.address("answer", e.answer);
        out.flag("error_code", e.error_code);
    }
    void operator()(const dnsbl_failed& e) const
    {
        out.address("client", e.client);
        out.own_text("zone", e.zone);
        out.own_text("reason", e.reason);
    }
    void operator()(const resolver_unavailable& e) const
    {
        out.own_text("resolver", e.resolver);
        out.own_text("reason", e.reason);
        out.number("sent", e.traffic.sent);
        out.number("answered", e.traffic.answered);
        out.number("lost", e.traffic.lost);
        out.duration("retransmission", e.traffic.retransmission);
        out.number("window", e.traffic.window);
    }
    void operator()(const resolver_available& e) const
    {
        out.own_text("resolver", e.resolver);
        out.number("after_seconds", e.after.count());
    }
    void operator()(const resolver_losing& e) const
    {
        out.own_text("resolver", e.resolver);
        out.number("sent", e.traffic.sent);
        out.number("answered", e.traffic.answered);
        out.number("lost", e.traffic.lost);
        out.duration("retransmission", e.traffic.retransmission);
        out.number("window", e.traffic.window);
    }
    void operator()(const resolver_steady& e) const
    {
        out.own_text("resolver", e.resolver);
        out.number("after_seconds", e.after.count());
        out.number("sent", e.traffic.sent);
        out.number("answered", e.traffic.answered);
        out.number("lost", e.traffic.lost);
        out.duration("retransmission", e.traffic.retransmission);
        out.number("window", e.traffic.window);
    }
    void operator()(const list_suspended& e) const
    {
        out.own_text("zone", e.zone);
        out.word("trouble", e.trouble);
        out.own_text("reason", e.reason);
        out.own_text("advice", e.advice);
    }
    void operator()(const list_restored& e) const
    {
        out.own_text("zone", e.zone);
        out.number("after_seconds", e.after.count());
    }
    void operator()(const resolver_distrusted& e) const { out.own_text("resolver", e.resolver); }
    void operator()(const resolver_restored& e) const
    {
        out.own_text("resolver", e.resolver);
        out.number("after_seconds", e.after.count());
    }

    void operator()(const sender_loaded& e) const
    {
        out.own_text("domain", e.domain);
        out.number("networks", e.networks);
        out.number("age_seconds", e.age.count());
    }
    void operator()(const sender_refreshed& e) const
    {
        out.own_text("domain", e.domain);
        out.number("networks", e.networks);
        out.flag("changed", e.changed);
    }
    void operator()(const sender_not_refreshed& e) const
    {
        out.own_text("domain", e.domain);
        out.own_text("reason", e.reason);
        out.number("networks", e.networks);
        out.number("age_seconds", e.age.count());
    }
    void operator()(const sender_partial& e) const
    {
        out.own_text("domain", e.domain);
        out.own_text("notes", e.notes);
    }
    void operator()(const sender_outdated& e) const
    {
        out.own_text("domain", e.domain);
        out.number("networks", e.networks);
        out.number("age_seconds", e.age.count());
    }

    void operator()(const backend_unavailable& e) const
    {
        client(e.client);
        out.own_text("backend", e.backend);
        out.own_text("reason", e.reason);
        out.number("clients", e.clients);
        out.number("after_seconds", e.after.count());
    }
    void operator()(const backend_restored& e) const
    {
        out.own_text("backend", e.backend);
        out.number("after_seconds", e.after.count());
        out.number("clients", e.clients);
    }
    void operator()(const store_unavailable& e) const
    {
        out.own_text("reason", e.reason);
        out.number("failures", e.failures);
        out.number("after_seconds", e.after.count());
    }
    void operator()(const store_restored& e) const
    {
        out.own_text("path", e.path);
        out.number("after_seconds", e.after.count());
        out.number("records", e.records);
    }
    void operator()(const backend_suspended& e) const
    {
        out.own_text("backend", e.backend);
        out.own_text("reason", e.reason);
        out.own_text("advice", e.advice);
    }
    void operator()(const backend_proven& e) const
    {
        out.own_text("backend", e.backend);
        out.number("after_seconds", e.after.count());
        out.number("clients", e.clients);
    }
    void operator()(const store_moved_aside& e) const
    {
        out.own_text("path", e.path);
        out.own_text("to", e.to);
        out.own_text("reason", e.reason);
    }
    void operator()(const store_swept& e) const
    {
        out.number("retained", e.retained);
        out.number("dropped", e.dropped);
    }

    void operator()(const started& e) const
    {
        out.own_text("version", e.version);
        out.own_text("config", e.config);
    }
    void operator()(const listening& e) const
    {
        out.own_text("address", e.address);
        out.number("workers", e.workers);
    }
    void operator()(const privileges_dropped& e) const { out.own_text("user", e.user); }
    void operator()(const accept_failed& e) const { out.own_text("reason", e.reason); }
    void operator()(const stress_changed& e) const
    {
        out.flag("entered", e.entered);
        out.number("sessions", e.sessions);
    }
    void operator()(const reloaded& e) const { out.own_text("config", e.config); }
    void operator()(const reload_rejected& e) const { out.own_text("errors", e.errors); }
    void operator()(const reload_incomplete& e) const { out.own_text("keys", e.keys); }
    void operator()(const stopping& e) const
    {
        out.number("sessions", e.sessions);
        out.number("deadline_seconds", e.deadline.count());
    }
    void operator()(const stopped& e) const { out.number("sessions_cut", e.sessions_cut); }
    void operator()(const log_unavailable& e) const
    {
        out.own_text("target", e.target);
        out.own_text("reason", e.reason);
    }
    void operator()(const log_restored& e) const
    {
        out.own_text("target", e.target);
        out.number("after_seconds", e.after.count());
    }
    void operator()(const log_lines_lost& e) const
    {
        out.number("lines", e.lines);
        out.word("since", e.since);
        out.word("until", e.until);
        out.own_text("reason", e.reason);
    }
    void operator()(const notice& e) const { out.own_text("text", e.text); }
    void operator()(const caution& e) const { out.own_text("text", e.text); }
    void operator()(const internal_error& e) const { out.own_text("text", e.text); }
};

} // namespace

void field_writer::own_text(std::string_view name, std::string_view value)
{
    scratch_.clear();
    append_own_text(scratch_, value);
    put_text(name, {scratch_.data(), scratch_.size()});
}

void field_writer::client_text(std::string_view name, std::string_view value)
{
    scratch_.clear();
    append_client_text(scratch_, value);
    put_text(name, {scratch_.data(), scratch_.size()});
}

void field_writer::address(std::string_view name, const ip_address& value)
{
    put_text(name, to_text(value));
}

void field_writer::where(std::string_view name, std::string_view port_name, const endpoint& value)
{
    address(name, value.address);
    number(port_name, value.port);
}

void field_writer::duration(std::string_view name, milliseconds value)
{
    scratch_.clear();
    append_seconds(scratch_, value);
    put_bare(name, {scratch_.data(), scratch_.size()});
}

void describe(field_writer& out, const any_event& what)
{
    out.word("event", name_of(what));
    out.word("level", to_string(level_of(what)));
    std::visit(fields_of{out}, what);
}

} // namespace fendmail::event

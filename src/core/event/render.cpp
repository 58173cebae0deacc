// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/event/render.hpp"

#include "fendmail/core/limits.hpp"
#include "fields.hpp"

#include <algorithm>
#include <array>

namespace fendmail::event {

namespace {

struct description {
    std::string_view name;
    event::level level;
};

struct description_of {
    using text = description;
    text operator()(const connected&) const { return {"connected", level::info}; }
    text operator()(const allowlisted&) const { return {"allowlisted", level::info}; }
    text operator()(const denylisted&) const { return {"denylisted", level::info}; }
    text operator()(const known_sender&) const { return {"known_sender", level::info}; }
    text operator()(const vetoed&) const { return {"vetoed", level::info}; }
    text operator()(const passed&) const { return {"passed", level::info}; }
    text operator()(const pregreeted&) const { return {"pregreeted", level::info}; }
    text operator()(const dnsbl_scored&) const { return {"dnsbl_scored", level::info}; }
    text operator()(const client_name_counted&) const
    {
        return {"client_name_counted", level::info};
    }
    text operator()(const hung_up&) const { return {"hung_up", level::info}; }
    text operator()(const disconnected&) const { return {"disconnected", level::info}; }
    text operator()(const recipient_refused&) const { return {"recipient_refused", level::info}; }
    text operator()(const connect_refused&) const { return {"connect_refused", level::info}; }
    text operator()(const mail_without_recipient&) const
    {
        return {"mail_without_recipient", level::info};
    }
    text operator()(const command_limit_exceeded&) const
    {
        return {"command_limit_exceeded", level::info};
    }
    text operator()(const protocol_fault&) const { return {"protocol_fault", level::info}; }
    text operator()(const plaintext_injected&) const { return {"plaintext_injected", level::info}; }
    text operator()(const relay_stopped&) const { return {"relay_stopped", level::info}; }
    text operator()(const tls_started&) const { return {"tls_started", level::info}; }
    text operator()(const tls_failed&) const { return {"tls_failed", level::info}; }
    text operator()(const proxy_header_refused&) const
    {
        return {"proxy_header_refused", level::warning};
    }
    text operator()(const session_ended&) const { return {"session_ended", level::info}; }
    text operator()(const dnsbl_listed&) const { return {"dnsbl_listed", level::info}; }
    text operator()(const dnsbl_answer_ignored&) const
    {
        return {"dnsbl_answer_ignored", level::warning};
    }
    text operator()(const dnsbl_failed&) const { return {"dnsbl_failed", level::warning}; }
    text operator()(const resolver_unavailable&) const
    {
        return {"resolver_unavailable", level::warning};
    }
    text operator()(const list_suspended&) const { return {"list_suspended", level::warning}; }
    text operator()(const list_restored&) const { return {"list_restored", level::info}; }
    text operator()(const resolver_distrusted&) const
    {
        return {"resolver_distrusted", level::warning};
    }
    text operator()(const resolver_available&) const { return {"resolver_available", level::info}; }
    text operator()(const resolver_losing&) const { return {"resolver_losing", level::warning}; }
    text operator()(const resolver_steady&) const { return {"resolver_steady", level::info}; }
    text operator()(const resolver_restored&) const { return {"resolver_restored", level::info}; }
    text operator()(const sender_loaded&) const { return {"sender_loaded", level::info}; }
    text operator()(const sender_refreshed&) const { return {"sender_refreshed", level::info}; }
    text operator()(const sender_not_refreshed&) const
    {
        return {"sender_not_refreshed", level::warning};
    }
    text operator()(const sender_partial&) const { return {"sender_partial", level::warning}; }
    text operator()(const sender_outdated&) const { return {"sender_outdated", level::warning}; }
    text operator()(const backend_unavailable&) const
    {
        return {"backend_unavailable", level::warning};
    }
    text operator()(const backend_restored&) const { return {"backend_restored", level::info}; }
    text operator()(const store_restored&) const { return {"store_restored", level::info}; }
    text operator()(const backend_suspended&) const
    {
        return {"backend_suspended", level::warning};
    }
    text operator()(const backend_proven&) const { return {"backend_proven", level::info}; }
    text operator()(const store_unavailable&) const
    {
        return {"store_unavailable", level::warning};
    }
    text operator()(const store_moved_aside&) const
    {
        return {"store_moved_aside", level::warning};
    }
    text operator()(const store_swept&) const { return {"store_swept", level::info}; }
    text operator()(const started&) const { return {"started", level::info}; }
    text operator()(const listening&) const { return {"listening", level::info}; }
    text operator()(const privileges_dropped&) const { return {"privileges_dropped", level::info}; }
    text operator()(const accept_failed&) const { return {"accept_failed", level::warning}; }
    // Info, as postscreen's: its phrase has no "warning: " before it.
    text operator()(const stress_changed&) const { return {"stress_changed", level::info}; }
    text operator()(const reloaded&) const { return {"reloaded", level::info}; }
    text operator()(const reload_rejected&) const { return {"reload_rejected", level::error}; }
    text operator()(const reload_incomplete&) const
    {
        return {"reload_incomplete", level::warning};
    }
    text operator()(const stopping&) const { return {"stopping", level::info}; }
    text operator()(const stopped&) const { return {"stopped", level::info}; }
    text operator()(const log_unavailable&) const { return {"log_unavailable", level::warning}; }
    text operator()(const log_restored&) const { return {"log_restored", level::info}; }
    text operator()(const log_lines_lost&) const { return {"log_lines_lost", level::warning}; }
    text operator()(const notice&) const { return {"notice", level::info}; }
    text operator()(const caution&) const { return {"caution", level::warning}; }
    text operator()(const internal_error&) const { return {"internal_error", level::error}; }
};

constexpr bool is_printable(char c) noexcept
{
    return c >= ' ' && c <= '~'; // not std::isprint: the locale must not decide
}

void append(fmt::memory_buffer& out, std::string_view text)
{
    out.append(text.data(), text.data() + text.size());
}

/// \ooo, always with three digits: a digit behind it cannot be taken for a part of it.
void append_octal(fmt::memory_buffer& out, char c)
{
    const auto octet = static_cast<unsigned char>(c);
    const auto digit = [octet](unsigned shift) {
        return static_cast<char>('0' + (octet >> shift & 7U));
    };
    const std::array<char, 4> escape{'\\', digit(6), digit(3), digit(0)};
    append(out, {escape.data(), escape.size()});
}

void append_escaped(fmt::memory_buffer& out, char c)
{
    switch (c) {
    case '\\': return append(out, "\\\\");
    case '\a': return append(out, "\\a");
    case '\b': return append(out, "\\b");
    case '\f': return append(out, "\\f");
    case '\n': return append(out, "\\n");
    case '\r': return append(out, "\\r");
    case '\t': return append(out, "\\t");
    case '\v': return append(out, "\\v");
    default: return is_printable(c) ? out.push_back(c) : append_octal(out, c);
    }
}

class json_writer final : public field_writer {
public:
    explicit json_writer(fmt::memory_buffer& out)
        : out_{out}
    {
        out_.push_back('{');
    }
    void close() { out_.push_back('}'); }

private:
    void put_text(std::string_view name, std::string_view value) override
    {
        put_name(name);
        append_quoted(out_, value);
    }
    void put_bare(std::string_view name, std::string_view value) override
    {
        put_name(name);
        append(out_, value);
    }
    void put_name(std::string_view name)
    {
        if (!first_) out_.push_back(',');
        first_ = false;
        append_quoted(out_, name);
        out_.push_back(':');
    }

    fmt::memory_buffer& out_;
    bool first_ = true;
};

class logfmt_writer final : public field_writer {
public:
    explicit logfmt_writer(fmt::memory_buffer& out)
        : out_{out}
    {
    }

private:
    void put_text(std::string_view name, std::string_view value) override
    {
        put_name(name);
        append_logfmt_value(out_, value);
    }
    void put_bare(std::string_view name, std::string_view value) override
    {
        put_name(name);
        append(out_, value);
    }
    void put_name(std::string_view name)
    {
        if (!first_) out_.push_back(' ');
        first_ = false;
        append(out_, name);
        out_.push_back('=');
    }

    fmt::memory_buffer& out_;
    bool first_ = true;
};

} // namespace

std::string_view to_string(level l) noexcept
{
    switch (l) {
    case level::debug: return "debug";
    case level::info: return "info";
    case level::warning: return "warning";
    case level::error: return "error";
    }
    return "unknown level";
}

std::string_view to_string(log_format f) noexcept
{
    switch (f) {
    case log_format::postscreen: return "postscreen";
    case log_format::json: return "json";
    case log_format::logfmt: return "logfmt";
    }
    return "unknown format";
}

level level_of(const any_event& what) noexcept
{
    return std::visit(description_of{}, what).level;
}

std::string_view name_of(const any_event& what) noexcept
{
    return std::visit(description_of{}, what).name;
}

std::string_view program_of(const any_event& what) noexcept
{
    if (std::holds_alternative<dnsbl_listed>(what)) return "dnsblog";
    if (std::holds_alternative<tls_started>(what)) return "tlsproxy";
    return {};
}

void append_escaped(fmt::memory_buffer& out, std::string_view text, std::size_t limit)
{
    for (const char c : text.substr(0, limit))
        append_escaped(out, c);
}

std::string_view end_of(const session_ended& e) noexcept
{
    if (e.phase == phase::hand_off && e.ended_by == ended_by::backend) return "handed_over";
    return to_string(e.ended_by);
}

void append_client_text(fmt::memory_buffer& out, std::string_view text)
{
    append_escaped(out, text, limits::log_text_octets);
}

void append_bracketed(fmt::memory_buffer& out, std::string_view text)
{
    for (const char c : text.substr(0, limits::log_text_octets))
        c == '<' || c == '>' ? append_octal(out, c) : append_escaped(out, c);
}

void append_own_text(fmt::memory_buffer& out, std::string_view text)
{
    while (text.ends_with('\n') || text.ends_with('\r'))
        text.remove_suffix(1);
    for (const char c : text.substr(0, own_text_octets)) {
        if (c == '\r') continue;
        c == '\n' ? append(out, "; ") : append_escaped(out, c);
    }
}

void append_seconds(fmt::memory_buffer& out, milliseconds span)
{
    const auto count = std::max(span, milliseconds{0}).count();
    const fmt::format_int whole{count / 1000};
    const fmt::format_int thousandths{1000 + count % 1000}; // the 1 makes room for zeros
    append(out, {whole.data(), whole.size()});
    out.push_back('.');
    append(out, {thousandths.data() + 1, thousandths.size() - 1});
}

void append_quoted(fmt::memory_buffer& out, std::string_view text)
{
    out.push_back('"');
    for (const char c : text) {
        if (c == '"' || c == '\\') out.push_back('\\');
        out.push_back(c);
    }
    out.push_back('"');
}

void append_logfmt_value(fmt::memory_buffer& out, std::string_view text)
{
    const bool bare = !text.empty() && text.find_first_of(" =\"\\") == std::string_view::npos;
    bare ? append(out, text) : append_quoted(out, text);
}

void render_json(fmt::memory_buffer& out, const any_event& what, std::string_view time)
{
    json_writer writer{out};
    if (!time.empty()) writer.word("time", time);
    describe(writer, what);
    writer.close();
}

void render_logfmt(fmt::memory_buffer& out, const any_event& what, std::string_view time)
{
    logfmt_writer writer{out};
    if (!time.empty()) writer.word("time", time);
    describe(writer, what);
}

} // namespace fendmail::event

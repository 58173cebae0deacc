// SPDX-License-Identifier: Apache-2.0
#include "first_exchange.hpp"

#include "fendmail/core/limits.hpp"
#include "fendmail/core/smtp/identity.hpp"
#include "fendmail/io/os/clock.hpp"
#include "surplus_reply.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <fmt/format.h>
#include <utility>

namespace fendmail::io {

namespace {

using event::ended_by;
using smtp::identity;

constexpr std::size_t buffer_octets = 4096;
/// A header that was taken for a command is answered at once; what comes unasked later may be a
/// server that is tired of waiting, which a client can bring about.
constexpr milliseconds prompt{5000};
/// For the end of a line that has begun.
constexpr milliseconds line_time{1000};

std::string first_line_of(std::string_view octets)
{
    const auto end = std::min(octets.find_first_of("\r\n"), octets.size());
    return std::string{octets.substr(0, std::min(end, limits::log_text_octets))};
}

} // namespace

first_exchange::first_exchange(stream& client, deadline_queue& deadlines,
                               const first_exchange_options& options, relay_outcome& result)
    : client_{client}
    , deadlines_{deadlines}
    , options_{options}
    , result_{result}
    , guard_{smtp::guard_options{.hides_chunking =
                                     std::ranges::find(options.hide_ehlo, "CHUNKING") !=
                                     options.hide_ehlo.end()}}
    , filter_{options.hide_ehlo}
{
}

exchange_end first_exchange::end(ended_by who)
{
    result_.moved.ended_by = client_.is_open() ? who : ended_by::fendmail;
    return exchange_end::over;
}

exchange_end first_exchange::give_up(std::string reason, identity about)
{
    result_.cut = std::move(reason);
    result_.about = about;
    return end(ended_by::fendmail);
}

exchange_end first_exchange::dismiss()
{
    result_.last_words = smtp::make_reply(421, "4.7.0", "Error: too many errors");
    return end(ended_by::fendmail);
}

exchange_end first_exchange::fault()
{
    result_.fault = guard_.fault();
    if (result_.fault) result_.last_words = smtp::last_words_of(*result_.fault);
    return end(ended_by::fendmail);
}

awaitable<bool> first_exchange::tell_client(std::string_view octets)
{
    result_.moved.octets_out += octets.size();
    const std::string filtered =
        filter_.is_done() ? std::string{octets} : filter_.on_backend(octets);
    deadline limit{deadlines_, client_};
    limit.set_after(options_.idle_limit);
    co_return filtered.empty() || co_await client_.write(filtered, &limit) == wait_end::ready;
}

// ── the client's command ──────────────────────────────────────────────────────────────────────

/// What has come, from whom; `line` also when more has to be waited for.
first_exchange::next first_exchange::look(stream& server)
{
    if (!client_.is_open()) return next::cut;
    char octet = 0;
    // First of all: with this, nothing of the client may go there.
    const auto unasked = server.peek(asio::buffer(&octet, 1));
    if (unasked.end != wait_end::ready || unasked.octets != 0) return next::server_spoke;
    if (held_.find('\n') != std::string::npos) return next::line;
    if (held_.size() >= limits::relayed_line_octets) return next::too_long;
    std::array<char, buffer_octets> buffer;
    const auto got = client_.read_now(asio::buffer(buffer));
    held_.append(buffer.data(), got.octets);
    return got.end == wait_end::ready ? next::line : next::client_ended;
}

awaitable<first_exchange::next> first_exchange::wait_for_line(stream& server)
{
    using namespace asio::experimental::awaitable_operators;
    deadline idle{deadlines_, client_};
    idle.set_after(options_.idle_limit);
    for (;;) {
        const auto had = held_.size();
        const auto seen = look(server);
        if (seen != next::line || held_.find('\n') != std::string::npos) co_return seen;
        if (held_.size() != had) continue;
        if (idle.has_passed()) co_return next::idle;
        co_await (client_.wait_readable(&idle) || server.wait_readable(nullptr));
    }
}

awaitable<exchange_end> first_exchange::run(stream& server)
{
    greeted_ = steady_now();
    switch (co_await wait_for_line(server)) {
    case next::line: break;
    case next::client_ended: result_.moved.client_ended = true; co_return end(ended_by::client);
    case next::server_spoke: co_return co_await on_unasked(server);
    case next::idle: result_.moved.idle = true; co_return end(ended_by::fendmail);
    case next::too_long:
        result_.fault = smtp::guard_fault{smtp::guard_fault_kind::line_too_long,
                                          smtp::guard_place::command, held_.size()};
        result_.last_words = smtp::last_words_of(*result_.fault);
        co_return end(ended_by::fendmail);
    case next::cut: co_return end(ended_by::fendmail);
    }
    // It may have come with the client's octets.
    char octet = 0;
    const auto unasked = server.peek(asio::buffer(&octet, 1));
    if (unasked.end != wait_end::ready || unasked.octets != 0)
        co_return co_await on_unasked(server);
    const auto octets = held_.find('\n') + 1;
    std::string line = held_.substr(0, octets);
    held_.erase(0, octets);
    co_return co_await send(server, std::move(line));
}

awaitable<exchange_end> first_exchange::on_unasked(stream& server)
{
    deadline limit{deadlines_, server};
    limit.set_after(line_time);
    const bool is_prompt = steady_now() - greeted_ <= prompt;
    std::array<char, buffer_octets> buffer;
    std::string said;
    while (said.find('\n') == std::string::npos && said.size() < buffer.size()) {
        const auto got = co_await server.read_some(asio::buffer(buffer), &limit);
        if (got.end == wait_end::woken && server.is_open()) continue;
        if (got.end != wait_end::ready) break;
        said.append(buffer.data(), got.octets);
    }
    if (said.empty())
        co_return give_up("it closed the connection behind its greeting", identity::unclear);
    if (smtp::is_farewell(said)) {
        co_return co_await tell_client(said) ? end(ended_by::backend) : end(ended_by::client);
    }
    co_return give_up(fmt::format("it answered the PROXY header, behind its greeting, with {}",
                                  first_line_of(said)),
                      is_prompt ? identity::mistaken : identity::unclear);
}

awaitable<exchange_end> first_exchange::send(stream& server, std::string line)
{
    deadline limit{deadlines_, server};
    limit.set_after(options_.idle_limit);
    std::string_view octets = line;
    bool is_at_fault = false;
    if (options_.is_guarded) {
        const auto step = guard_.on_client(octets);
        octets = step.forward;
        is_at_fault = step.then == smtp::guard_next::fault;
    }
    if (is_at_fault) co_return fault();
    result_.moved.octets_in += octets.size();
    if (co_await server.write(octets, &limit) != wait_end::ready)
        co_return give_up("it closed the connection behind its greeting", identity::unclear);
    co_return co_await hear(server, line);
}

// ── the backend's reply ───────────────────────────────────────────────────────────────────────

awaitable<exchange_end> first_exchange::hear(stream& server, const std::string& line)
{
    deadline limit{deadlines_, server};
    limit.set_after(options_.idle_limit);
    std::array<char, buffer_octets> buffer;
    reader_.reset();
    for (;;) {
        const auto got = co_await server.read_some(asio::buffer(buffer), &limit);
        if (got.end == wait_end::woken && server.is_open() && client_.is_open()) continue;
        if (!client_.is_open()) co_return end(ended_by::fendmail);
        if (got.end == wait_end::timed_out) {
            result_.moved.idle = true;
            co_return end(ended_by::fendmail);
        }
        if (got.end != wait_end::ready)
            co_return give_up("it closed the connection at the first command", identity::unclear);
        const std::string_view octets{buffer.data(), got.octets};
        const auto taken = reader_.feed(octets);
        if (!taken)
            co_return give_up(fmt::format("it sent no SMTP reply to the first command: {}",
                                          message(taken.error())),
                              identity::unclear);
        if (reader_.complete()) co_return co_await on_reply(server, line, octets.substr(*taken));
    }
}

awaitable<exchange_end> first_exchange::on_reply(stream& server, const std::string& line,
                                                 std::string_view behind)
{
    constexpr int done = 250;
    constexpr int closing = 421;
    const auto got = reader_.get();
    const bool is_hello = smtp::is_plain_hello(line);
    const auto would_prove = is_hello ? identity::mistaken : identity::unclear;
    const auto text = first_line_of(reader_.raw());
    if (!behind.empty() && !smtp::is_farewell(behind))
        co_return give_up(fmt::format("it answered the PROXY header with {}", text), would_prove);
    if (is_hello && got.is_positive() && got.code != done)
        co_return give_up(fmt::format("it answered EHLO with {}", text), identity::unclear);
    if (!got.is_positive() && got.code != closing && behind.empty()) {
        deadline limit{deadlines_, server};
        if (co_await has_one_reply_too_many(server, limit))
            co_return give_up(fmt::format("it answered the PROXY header with {}", text),
                              would_prove);
        if (is_hello && (smtp::is_about_protocol(got.code) || smtp::is_about_early_talk(got)))
            co_return give_up(fmt::format("it answered EHLO with {}", text), identity::unclear);
    }
    const std::string all = reader_.raw() + std::string{behind};
    const auto step =
        options_.is_guarded ? guard_.on_backend(all) : smtp::guard_step{.forward = all};
    if (!co_await tell_client(step.forward)) co_return end(ended_by::client);
    if (step.then == smtp::guard_next::fault) co_return fault();
    if (got.code == closing || !behind.empty()) co_return end(ended_by::backend);
    co_return got.is_positive() ? exchange_end::settled : exchange_end::refused;
}

} // namespace fendmail::io

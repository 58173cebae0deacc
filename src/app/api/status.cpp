// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/listen_address.hpp"
#include "fendmail/core/text/time_text.hpp"
#include "fendmail/io/os/clock.hpp"
#include "routes.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <fmt/format.h>
#include <unistd.h>
#include <utility>

namespace fendmail::app {

namespace json = boost::json;

namespace {

template <class Name>
json::string_view name_of(Name what)
{
    const auto name = to_string(what);
    return {name.data(), name.size()};
}

json::array listening(const api_facts& facts)
{
    json::array out;
    for (const auto& one : facts.listening)
        out.emplace_back(to_text(listen_address{one, {}}));
    return out;
}

/// How many are where. Counters are read one after the other, so they may disagree by a few.
json::object now_of(const process_counters& counters)
{
    const auto all = counters.sessions.load();
    const auto screening = std::min(counters.screening.load(), all);
    const auto dialogs = std::min(counters.dialogs.load(), screening);
    return {{"waiting", screening - dialogs},
            {"dialog", dialogs},
            {"relayed", all - screening},
            {"in_transit", counters.handing_off.load()},
            {"sessions", all},
            {"stressed", counters.stress.load()},
            {"descriptors", counters.descriptors.load()},
            {"descriptors_max", counters.descriptors_for_clients.load()}};
}

json::object totals_of(const metrics::totals& sums)
{
    json::object verdicts;
    for (std::size_t i = 0; i < all_verdicts.size(); ++i)
        verdicts[name_of(all_verdicts[i])] = sums.verdicts[i];
    json::object refused;
    for (std::size_t i = 0; i < all_refusals.size(); ++i)
        refused[name_of(all_refusals[i])] = sums.refusals[i];
    return {{"connections", sums.connections},
            {"verdicts", std::move(verdicts)},
            {"refused", std::move(refused)}};
}

json::array tests_of(const metrics::totals& sums)
{
    json::array out;
    for (const auto t : screen::all_tests) {
        json::object one{{"test", name_of(t)}};
        for (std::size_t a = 0; a < all_actions.size(); ++a)
            one[name_of(all_actions[a])] = sums.failures[static_cast<std::size_t>(t)][a];
        out.push_back(std::move(one));
    }
    return out;
}

json::array backends_of(const snapshot& now)
{
    std::string reason;
    if (now.identity->is_mistaken()) reason = "it does not take the addresses of clients";
    if (now.backend_health->is_failing()) reason = "it could not take the last client";
    const auto& where = now.backend_address;
    if (where && where->now()->empty()) reason = "its name has not been found yet";
    return {
        json::object{{"name", now.backend->name()}, {"up", reason.empty()}, {"reason", reason}}};
}

json::object lists_of(const snapshot& now)
{
    std::size_t suspended = 0;
    std::size_t off = 0;
    const auto total = now.dnsbl_sites->zones.size();
    for (std::size_t i = 0; i < total; ++i) {
        if (now.list_states->tally(i)->is_off())
            ++off;
        else if (now.list_states->is_suspended(i))
            ++suspended;
    }
    return {{"total", total}, {"suspended", suspended}, {"off", off}};
}

json::array servers_of(const api_subject& subject)
{
    json::array out;
    const auto book = subject.servers();
    if (book)
        for (const auto& one : book->servers_of(subject.current()->config.resolvers))
            out.emplace_back(to_text(one));
    return out;
}

} // namespace

admin_reply get_live(const api_call&)
{
    return {200, "text/plain; charset=utf-8", "ok\n"};
}

admin_reply get_ready(const api_call& call)
{
    const auto unready = call.subject.unready();
    admin_reply reply;
    if (!unready.empty()) reply.status = 503;
    reply.body = unready.empty() ? "ok\n" : unready + "\n";
    return reply;
}

io::awaitable<admin_reply> get_metrics(const api_call& call)
{
    auto text = co_await call.subject.metrics_text();
    co_return admin_reply{200, "text/plain; version=0.0.4; charset=utf-8", std::move(text)};
}

admin_reply get_status(const api_call& call)
{
    const auto& subject = call.subject;
    const auto& facts = subject.facts;
    const auto sums = subject.counts.sums();
    const auto now = subject.current();
    const auto unready = subject.unready();
    json::object out;
    out["version"] = facts.version;
    out["pid"] = ::getpid();
    out["started"] = time_text(facts.started);
    out["uptime_seconds"] = (io::wall_now() - facts.started).count();
    out["hostname"] = now->config.hostname;
    out["state"] = name_of(subject.state());
    out["ready"] = unready.empty();
    out["unready_reason"] = unready;
    out["listening"] = listening(facts);
    out["workers"] = facts.workers;
    out["config"] = {{"path", facts.config_path},
                     {"loaded", time_text(sums.loaded_at)},
                     {"last_reload_successful", sums.was_reloaded},
                     {"last_reload_error", subject.reload_error()}};
    out["now"] = now_of(subject.counters);
    out["totals"] = totals_of(sums);
    out["tests"] = tests_of(sums);
    out["backends"] = backends_of(*now);
    out["lists"] = lists_of(*now);
    out["bans"] = {{"active", subject.bans.counts().bans},
                   {"kernel", kernel_bans_of(subject.kernel_bans())}};
    out["known_recipients"] = subject.recipients();
    out["store"] = {{"kind", json::string_view{facts.store_kind.data(), facts.store_kind.size()}},
                    {"up", sums.is_store_up}};
    out["dns"] = {{"servers", servers_of(subject)}, {"retries", sums.dns_retries}};
    return json_reply(out);
}

admin_reply get_history(const api_call& call)
{
    const auto points = call.subject.hour.points(call.subject.counts.sums());
    json::object verdicts;
    for (std::size_t v = 0; v < all_verdicts.size(); ++v) {
        json::array row;
        for (const auto& one : points)
            row.emplace_back(one.verdicts[v]);
        verdicts[name_of(all_verdicts[v])] = std::move(row);
    }
    json::array refused;
    for (const auto& one : points)
        refused.emplace_back(one.refused);
    return json_reply({{"step_seconds", last_hour::step.count()},
                       {"end", time_text(io::wall_now())},
                       {"verdicts", std::move(verdicts)},
                       {"refused", std::move(refused)}});
}

admin_reply get_backends(const api_call& call)
{
    return json_reply({{"backends", backends_of(*call.subject.current())}});
}

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/dnsbl/list_test.hpp"
#include "fendmail/core/span_buckets.hpp"
#include "fendmail/io/awaited_call.hpp"
#include "fendmail/io/dns/resolver_pool.hpp"
#include "fendmail/io/os/clock.hpp"
#include "routes.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <fmt/format.h>
#include <numeric>
#include <optional>
#include <stdlib.h>
#include <utility>

namespace fendmail::app {

namespace json = boost::json;

namespace {

constexpr milliseconds test_time_limit{5000};
constexpr double ms_of_second = 1000.0;

std::optional<std::size_t> zone_named(const snapshot& now, std::string_view name)
{
    const auto& zones = now.dnsbl_sites->zones;
    const auto found = std::ranges::find_if(zones, [&](const auto& one) {
        return one.reply_name == name; // the zone itself may hold a key
    });
    if (found == zones.end()) return std::nullopt;
    return static_cast<std::size_t>(found - zones.begin());
}

std::string_view state_of(const snapshot& now, std::size_t zone) noexcept
{
    if (now.list_states->tally(zone)->is_off()) return "off";
    return now.list_states->is_suspended(zone) ? "suspended" : "up";
}

std::string weights_of(const dnsbl::site_set::zone_entry& zone)
{
    std::string out;
    for (const auto& one : zone.sites)
        out += fmt::format("{}{:+}", out.empty() ? "" : ", ", one.weight);
    return out;
}

/// The upper end of the bucket in which that part of the answers ends, in seconds.
double quantile(const std::array<std::uint64_t, bucket_count>& counts, double part)
{
    const auto all = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
    const auto wanted = part * static_cast<double>(all);
    std::uint64_t so_far = 0;
    for (std::size_t i = 0; i < span_buckets.size(); ++i) {
        so_far += counts[i];
        if (static_cast<double>(so_far) >= wanted)
            return static_cast<double>(span_buckets[i]) / ms_of_second;
    }
    return static_cast<double>(span_buckets.back()) / ms_of_second;
}

json::object seconds_of(const io::list_tally& tally)
{
    const auto counts = tally.spans();
    const auto all = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
    if (all == 0) return {{"count", 0}, {"mean", 0.0}, {"p50", 0.0}, {"p95", 0.0}};
    const auto mean = static_cast<double>(tally.sum_ms()) / ms_of_second / static_cast<double>(all);
    return {{"count", all},
            {"mean", mean},
            {"p50", quantile(counts, 0.5)},
            {"p95", quantile(counts, 0.95)}};
}

json::object to_json(const snapshot& now, std::size_t zone, const list_hits& hits)
{
    const auto& entry = now.dnsbl_sites->zones[zone];
    const auto& tally = *now.list_states->tally(zone);
    const auto state = state_of(now, zone);
    using io::list_result;
    return {{"list", entry.reply_name},
            {"state", json::string_view{state.data(), state.size()}},
            {"weights", weights_of(entry)},
            {"answers", json::object{{"listed", tally.count(list_result::listed)},
                                     {"not_listed", tally.count(list_result::not_listed)},
                                     {"error", tally.count(list_result::odd)},
                                     {"failed", tally.count(list_result::failed)}}},
            {"hits", hits.hits},
            {"hits_turned_away", hits.turned_away},
            {"hits_passed", hits.passed},
            {"hits_later_passed", hits.later_passed},
            {"seconds", seconds_of(tally)}};
}

admin_reply switch_list(const api_call& call, bool is_off)
{
    const auto now = call.subject.current();
    const auto zone = zone_named(*now, call.name);
    if (!zone) return admin_error(404, "there is no list of this name");
    now->list_states->tally(*zone)->set_off(is_off);
    const auto state = state_of(*now, *zone);
    return json_reply({{"list", now->dnsbl_sites->zones[*zone].reply_name},
                       {"state", json::string_view{state.data(), state.size()}}});
}

/// What the answers to the two test entries of RFC 5782 mean.
struct trial {
    dnsbl::test_reply entry = dnsbl::test_reply::none;
    dnsbl::test_reply no_entry = dnsbl::test_reply::none;
    int missing = 2;
};

std::string_view words_of(dnsbl::test_reply reply) noexcept
{
    switch (reply) {
    case dnsbl::test_reply::none: return "no answer";
    case dnsbl::test_reply::unlisted: return "not listed";
    case dnsbl::test_reply::listed: return "listed";
    case dnsbl::test_reply::error_code: return "refused by the list";
    case dnsbl::test_reply::foreign: return "an answer that no list gives";
    }
    return "unknown";
}

/// @param what outlives the questions
void ask(io::resolver& with, const dnsbl::site_set::zone_entry& zone, dnsbl::test_question question,
         const std::shared_ptr<trial>& into, std::function<void()> done)
{
    with.ask(
        {.name = dnsbl::test_name(question, zone.zone, ::arc4random()),
         .list = zone.zone,
         .how = dns::urgency::first,
         .deadline = io::steady_now() + test_time_limit},
        [question, into, rules = zone.answers, done = std::move(done)](const dns::answer& answer) {
            auto& reply = question == dnsbl::test_question::entry ? into->entry : into->no_entry;
            reply = dnsbl::reply_to(question, dnsbl::to_zone_answer(answer), rules);
            if (--into->missing == 0) done();
        });
}

} // namespace

admin_reply get_lists(const api_call& call)
{
    const auto now = call.subject.current();
    const auto hits = call.subject.tops.lists();
    json::array rows;
    for (std::size_t zone = 0; zone < now->dnsbl_sites->zones.size(); ++zone) {
        const auto found =
            std::ranges::find(hits, now->dnsbl_sites->zones[zone].reply_name, &list_hits::list);
        rows.push_back(to_json(*now, zone, found == hits.end() ? list_hits{} : *found));
    }
    return json_reply({{"lists", std::move(rows)}});
}

admin_reply disable_list(const api_call& call)
{
    return switch_list(call, true);
}

admin_reply enable_list(const api_call& call)
{
    return switch_list(call, false);
}

io::awaitable<admin_reply> test_list(const api_call& call)
{
    const auto now = call.subject.current();
    const auto found = zone_named(*now, call.name);
    if (!found) co_return admin_error(404, "there is no list of this name");
    const auto& zone = now->dnsbl_sites->zones[*found];
    io::resolver_pool resolvers{call.subject.context, now->config.resolvers,
                                call.subject.servers()};
    io::awaited_call answered{call.subject.context};
    const auto result = std::make_shared<trial>();
    const auto with = resolvers.of(zone);
    ask(*with, zone, dnsbl::test_question::entry, result, answered.caller());
    ask(*with, zone, dnsbl::test_question::no_entry, result, answered.caller());
    (void)co_await answered.wait(test_time_limit);
    const bool is_good =
        result->no_entry == dnsbl::test_reply::unlisted &&
        (result->entry == dnsbl::test_reply::listed || zone.entry == dnsbl::test_entry::untested);
    co_return json_reply(
        {{"list", zone.reply_name},
         {"ok", is_good},
         {"text", fmt::format("127.0.0.2: {}, 127.0.0.1: {}", words_of(result->entry),
                              words_of(result->no_entry))}});
}

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/session/client_memory.hpp"
#include "fendmail/core/text/time_text.hpp"
#include "fendmail/core/units.hpp"
#include "fendmail/io/os/clock.hpp"
#include "routes.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <optional>
#include <utility>

namespace fendmail::app {

namespace json = boost::json;

namespace {

constexpr std::size_t page_max = 1000;

json::object tests_of(const screen::client_record& record)
{
    json::object out;
    for (const auto t : screen::all_tests) {
        if (record.expires_at[t] <= screen::client_record::was_disabled) continue;
        const auto name = to_string(t);
        out[json::string_view{name.data(), name.size()}] = time_text(record.expires_at[t]);
    }
    return out;
}

json::object to_json(std::string client, const screen::client_record& record)
{
    return {{"client", std::move(client)}, {"tests", tests_of(record)}};
}

/// An address stands for itself.
std::string name_of(const network& net)
{
    return net.prefix_length == net.address.bits() ? to_text(net.address) : to_text(net);
}

/// As if it had passed all tests that are on, for this long, or as long as a pass can last.
screen::client_record passed_now(const runtime_config& config, std::optional<milliseconds> span)
{
    const auto now = io::wall_now();
    const auto longest = config.screening.longest_passes();
    screen::client_record record;
    for (const auto t : screen::all_tests) {
        if (!config.screening.tests[t].enabled) {
            record.expires_at[t] = screen::client_record::was_disabled;
            continue;
        }
        auto lasts = longest[t];
        if (span) lasts = std::min(lasts, std::chrono::duration_cast<seconds>(*span));
        record.expires_at[t] = now + lasts;
    }
    return record;
}

/// {"for": "30d"}; none when it is not there.
/// @return false when it is no span
bool read_span(const json::object& body, std::optional<milliseconds>& span)
{
    const auto text = text_in(body, "for");
    if (text.empty()) return body.if_contains("for") == nullptr;
    const auto parsed = parse_duration(text);
    if (!parsed || *parsed < seconds{1}) return false;
    span = *parsed;
    return true;
}

/// {"pregreet": "2026-…Z"}; unknown tests and times are left out.
std::optional<screen::client_record> read_record(const json::object& tests)
{
    screen::client_record record;
    bool has_any = false;
    for (const auto t : screen::all_tests) {
        const auto until = parse_time_text(text_in(tests, to_string(t)));
        record.expires_at[t] = until.value_or(screen::client_record::was_disabled);
        has_any = has_any || until;
    }
    return has_any ? std::optional{record} : std::nullopt;
}

} // namespace

admin_reply get_passes(const api_call& call)
{
    const auto after_text = call.request.target.parameter("after");
    std::optional<screen::client_key> after;
    if (!after_text.empty()) {
        const auto net = parse_network(after_text);
        if (!net) return admin_error(400, "after is no address");
        after.emplace(net->address, net->prefix_length, net->prefix_length);
    }
    const auto limit = limit_of(call.request, page_max);
    const auto found = call.subject.store.list(after ? &*after : nullptr, limit);
    json::array passes;
    for (const auto& [client, record] : found)
        if (!record.is_new()) passes.push_back(to_json(name_of(client.net()), record));
    const bool is_last = found.size() < limit;
    return json_reply({{"passes", std::move(passes)},
                       {"next", is_last ? "" : name_of(found.back().first.net())}});
}

admin_reply get_pass(const api_call& call)
{
    const auto client = parse_address(call.name);
    if (!client) return admin_error(400, "this is no address");
    const auto now = call.subject.current();
    const auto record = client_memory{call.subject.store, now->config, *client}.get(io::wall_now());
    if (!record || record->is_new()) return admin_error(404, "nothing is known of this client");
    return json_reply(to_json(to_text(*client), *record));
}

admin_reply put_pass(const api_call& call)
{
    const auto client = parse_address(call.name);
    const auto body = body_of(call.request);
    std::optional<milliseconds> span;
    if (!client) return admin_error(400, "this is no address");
    if (!body || !read_span(*body, span))
        return admin_error(400, "the body is {} or {for: 30d}, in JSON");
    const auto now = call.subject.current();
    const auto record = passed_now(now->config, span);
    client_memory{call.subject.store, now->config, *client}.put(record, io::wall_now());
    return json_reply(to_json(to_text(*client), record));
}

admin_reply remove_pass(const api_call& call)
{
    const auto client = parse_address(call.name);
    if (!client) return admin_error(400, "this is no address");
    const auto now = call.subject.current();
    const client_memory memory{call.subject.store, now->config, *client};
    const auto before = memory.get(io::wall_now());
    if (!before || before->is_new()) return admin_error(404, "nothing is known of this client");
    memory.forget();
    return json_reply({{"client", to_text(*client)}});
}

/// Of an export; a pass that ends later stays.
admin_reply post_passes(const api_call& call)
{
    const auto body = body_of(call.request);
    const auto* const rows = body ? body->if_contains("passes") : nullptr;
    if (rows == nullptr || !rows->is_array())
        return admin_error(400, "the body is {passes: [...]}, as GET gives it");
    std::size_t taken = 0;
    std::size_t refused = 0;
    for (const auto& row : rows->get_array()) {
        const auto* const one = row.if_object();
        const auto* const tests = one == nullptr ? nullptr : one->if_contains("tests");
        const auto net =
            one == nullptr ? error::bad_address : parse_network(text_in(*one, "client"));
        const auto record = tests != nullptr && tests->is_object()
                                ? read_record(tests->get_object())
                                : std::nullopt;
        if (!net || !record) {
            ++refused;
            continue;
        }
        const screen::client_key key{net->address, net->prefix_length, net->prefix_length};
        const auto before = call.subject.store.get(key);
        call.subject.store.put(key, before ? screen::later_of(*before, *record) : *record);
        ++taken;
    }
    return json_reply({{"taken", taken}, {"refused", refused}});
}

} // namespace fendmail::app

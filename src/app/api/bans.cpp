// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/abuse/offender.hpp"
#include "fendmail/core/event/ban_events.hpp"
#include "fendmail/core/text/time_text.hpp"
#include "fendmail/core/units.hpp"
#include "fendmail/io/os/clock.hpp"
#include "networks.hpp"
#include "routes.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace fendmail::app {

namespace json = boost::json;

namespace {

constexpr std::size_t bans_max = 5000;

json::string_view text_of(std::string_view word) noexcept
{
    return {word.data(), word.size()};
}

json::object to_json(const abuse::offender& one)
{
    return {{"network", event::name_of(one.who)},
            {"until", time_text(one.until)},
            {"since", time_text(one.since)},
            {"left_seconds", std::max((one.until - io::wall_now()).count(), std::int64_t{0})},
            {"why", abuse::reason_of(one)},
            {"origin", text_of(to_string(one.origin))},
            {"count", one.bans}};
}

} // namespace

json::object kernel_bans_of(const kernel_link::figures& now)
{
    if (!now.is_on) return {{"on", false}};
    return {{"on", true},
            {"connected", now.is_connected},
            {"held", now.told.held},
            {"missing", now.told.missing},
            {"dropped", now.told.dropped},
            {"trouble", now.told.trouble}};
}

admin_reply get_bans(const api_call& call)
{
    auto& book = call.subject.bans;
    const auto all = book.bans();
    const auto limit = limit_of(call.request, bans_max);
    json::array rows;
    for (const auto& one : all) {
        if (rows.size() >= limit) break;
        rows.push_back(to_json(one));
    }
    const auto counts = book.counts();
    const auto action = call.subject.current()->config.bans.rules.action;
    return json_reply({{"action", text_of(to_string(action))},
                       {"all", all.size()},
                       {"offenders", counts.offenders},
                       {"paused", counts.is_paused},
                       {"kernel", kernel_bans_of(call.subject.kernel_bans())},
                       {"bans", std::move(rows)}});
}

admin_reply put_ban(const api_call& call)
{
    const auto net = network_in(call.name);
    if (!net) return admin_error(400, "this is no address or network");
    const auto body = body_of(call.request);
    const auto span = parse_duration(body ? text_in(*body, "for") : std::string_view{});
    if (!span || *span < seconds{1})
        return admin_error(400, "the body says for how long, in JSON: {for: 6h}");
    if (const auto why = whose_is(*net, call.subject); !why.empty()) return admin_error(409, why);
    const auto for_seconds = std::chrono::duration_cast<seconds>(*span);
    if (const auto why = call.subject.bans.add(*net, for_seconds)) return admin_error(409, *why);
    return json_reply(
        {{"network", event::name_of(*net)}, {"until", time_text(io::wall_now() + for_seconds)}});
}

admin_reply remove_ban(const api_call& call)
{
    const auto net = network_in(call.name);
    if (!net) return admin_error(400, "this is no address or network");
    if (!call.subject.bans.remove(*net)) return admin_error(404, "it is not banned");
    return json_reply({{"network", event::name_of(*net)}});
}

} // namespace fendmail::app

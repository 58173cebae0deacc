// SPDX-License-Identifier: Apache-2.0
#include "fendmail/core/acl/timed_rules.hpp"
#include "fendmail/core/text/time_text.hpp"
#include "fendmail/core/units.hpp"
#include "fendmail/io/os/clock.hpp"
#include "networks.hpp"
#include "routes.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <optional>
#include <utility>

namespace fendmail::app {

namespace json = boost::json;

namespace {

json::object to_json(const acl::timed_rule& rule)
{
    const bool is_one = rule.net.prefix_length == rule.net.address.bits();
    return {{"network", is_one ? to_text(rule.net.address) : to_text(rule.net)},
            {"until", time_text(rule.until)},
            {"comment", rule.comment}};
}

admin_reply list(const api_call& call, acl::decision decision, json::string_view name)
{
    json::array rows;
    for (const auto& one : call.subject.rules.all())
        if (one.decision == decision) rows.push_back(to_json(one));
    return json_reply({{name, std::move(rows)}});
}

admin_reply put(const api_call& call, acl::decision decision)
{
    const auto net = network_in(call.name);
    if (!net) return admin_error(400, "this is no address or network");
    const auto body = body_of(call.request);
    const auto span = parse_duration(body ? text_in(*body, "for") : std::string_view{});
    if (!span || *span < seconds{1})
        return admin_error(400, "the body says for how long, in JSON: {for: 1d, comment: why}");
    if (decision == acl::decision::reject)
        if (const auto why = whose_is(*net, call.subject); !why.empty())
            return admin_error(409, why);
    const auto until = io::wall_now() + std::chrono::duration_cast<seconds>(*span);
    acl::timed_rule rule{*net, decision, until, acl::as_comment(text_in(*body, "comment"))};
    const auto made = to_json(rule);
    if (const auto why = call.subject.rules.put(std::move(rule))) return admin_error(409, *why);
    return json_reply(made);
}

admin_reply take_away(const api_call& call, acl::decision decision)
{
    const auto net = network_in(call.name);
    if (!net) return admin_error(400, "this is no address or network");
    if (!call.subject.rules.remove(*net, decision))
        return admin_error(404, "there is no such rule");
    return json_reply({{"network", to_text(*net)}});
}

} // namespace

admin_reply get_permits(const api_call& call)
{
    return list(call, acl::decision::permit, "permits");
}

admin_reply put_permit(const api_call& call)
{
    return put(call, acl::decision::permit);
}

admin_reply remove_permit(const api_call& call)
{
    return take_away(call, acl::decision::permit);
}

admin_reply get_denials(const api_call& call)
{
    return list(call, acl::decision::reject, "denials");
}

admin_reply put_denial(const api_call& call)
{
    return put(call, acl::decision::reject);
}

admin_reply remove_denial(const api_call& call)
{
    return take_away(call, acl::decision::reject);
}

} // namespace fendmail::app

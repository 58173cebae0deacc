// SPDX-License-Identifier: Apache-2.0
#include "page.hpp"
#include "routes.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <utility>

namespace fendmail::app {

namespace json = boost::json;

admin_reply get_config(const api_call& call)
{
    return {200, "application/json",
            effective_json(call.subject.facts.config_path, call.subject.keys(), false)};
}

admin_reply post_reload(const api_call& call)
{
    const auto outcome = call.subject.reload();
    json::array waiting;
    for (const auto& key : outcome.waiting_for_restart)
        waiting.emplace_back(key);
    const bool is_ok = outcome.failure.empty();
    return json_reply({{"ok", is_ok},
                       {"message", is_ok ? "the configuration is in use" : outcome.failure},
                       {"waiting_for_restart", std::move(waiting)}},
                      is_ok ? 200 : 409);
}

admin_reply post_drain(const api_call& call)
{
    const auto body = body_of(call.request);
    const auto* const on = body ? body->if_contains("on") : nullptr;
    if (!body || (on != nullptr && !on->is_bool()))
        return admin_error(400, "the body is {on: true} or {on: false}");
    call.subject.set_draining(on == nullptr || on->get_bool());
    const auto state = to_string(call.subject.state());
    return json_reply({{"state", json::string_view{state.data(), state.size()}}});
}

io::awaitable<admin_reply> post_upgrade(const api_call& call)
{
    co_return co_await call.subject.upgrade();
}

admin_reply post_takeover(const api_call& call)
{
    if (!call.request.is_local)
        return admin_error(403, "sockets can only be handed over through the UNIX socket");
    return call.subject.hand_over();
}

admin_reply get_page(const api_call& call)
{
    for (const auto& one : page_files()) {
        if (one.path != call.request.target.path) continue;
        admin_reply reply{200, std::string{one.type}, std::string{one.text}};
        reply.fields = {{"Content-Security-Policy",
                         "default-src 'none'; script-src 'self'; style-src 'self'; "
                         "connect-src 'self'; img-src 'self'; base-uri 'none'; "
                         "form-action 'none'; frame-ancestors 'none'; "
                         "require-trusted-types-for 'script'; trusted-types 'none'"},
                        {"X-Frame-Options", "DENY"}};
        return reply;
    }
    return admin_error(404, "not found");
}

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/api/api.hpp"

#include "fendmail/core/units.hpp"
#include "routes.hpp"

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <utility>

namespace fendmail::app {

namespace json = boost::json;

namespace {

using now_handler = admin_reply (*)(const api_call&);
using later_handler = io::awaitable<admin_reply> (*)(const api_call&);

struct route {
    admin_verb verb;
    std::string_view pattern; ///< a star stands for one octet or more
    web::right needed;
    now_handler now = nullptr;
    later_handler later = nullptr; ///< one that waits for others
};

using enum admin_verb;
using web::right;

/// The first that fits. docs/api.md has a row for each.
constexpr std::array routes{
    route{get, "/livez", right::none, get_live},
    route{get, "/readyz", right::none, get_ready},
    route{get, "/healthz", right::none, get_ready},
    route{get, "/metrics", right::none, nullptr, get_metrics},
    route{get, "/", right::none, get_page},
    route{get, "/api/v1/status", right::read, get_status},
    route{get, "/api/v1/history", right::read, get_history},
    route{get, "/api/v1/backends", right::read, get_backends},
    route{get, "/api/v1/config", right::read, get_config},
    route{get, "/api/v1/sessions", right::read, get_sessions},
    route{get, "/api/v1/events", right::read, get_events},
    route{get, "/api/v1/top", right::read, get_top},
    route{get, "/api/v1/clients/*", right::read, nullptr, explain_client},
    route{get, "/api/v1/passes", right::read, get_passes},
    route{post, "/api/v1/passes", right::change, post_passes},
    route{get, "/api/v1/passes/*", right::read, get_pass},
    route{put, "/api/v1/passes/*", right::change, put_pass},
    route{admin_verb::remove, "/api/v1/passes/*", right::change, remove_pass},
    route{get, "/api/v1/permits", right::read, get_permits},
    route{put, "/api/v1/permits/*", right::change, put_permit},
    route{admin_verb::remove, "/api/v1/permits/*", right::change, remove_permit},
    route{get, "/api/v1/denials", right::read, get_denials},
    route{put, "/api/v1/denials/*", right::change, put_denial},
    route{admin_verb::remove, "/api/v1/denials/*", right::change, remove_denial},
    route{get, "/api/v1/bans", right::read, get_bans},
    route{put, "/api/v1/bans/*", right::change, put_ban},
    route{admin_verb::remove, "/api/v1/bans/*", right::change, remove_ban},
    route{get, "/api/v1/lists", right::read, get_lists},
    route{post, "/api/v1/lists/*/test", right::change, nullptr, test_list},
    route{post, "/api/v1/lists/*/disable", right::change, disable_list},
    route{post, "/api/v1/lists/*/enable", right::change, enable_list},
    route{get, "/api/v1/feeds", right::read, get_feeds},
    route{post, "/api/v1/reload", right::change, post_reload},
    route{post, "/api/v1/drain", right::change, post_drain},
    route{post, "/api/v1/upgrade", right::change, nullptr, post_upgrade},
    route{post, "/api/v1/takeover", right::change, post_takeover},
    route{get, "/*", right::none, get_page}, // of which only the page's files are there
};

/// What the star stands for, or "" when there is none; nothing when the path is another one.
std::optional<std::string_view> fit(std::string_view pattern, std::string_view path) noexcept
{
    const auto star = pattern.find('*');
    if (star == std::string_view::npos)
        return pattern == path ? std::optional{std::string_view{}} : std::nullopt;
    const auto front = pattern.substr(0, star);
    const auto back = pattern.substr(star + 1);
    if (path.size() <= front.size() + back.size() || !path.starts_with(front) ||
        !path.ends_with(back))
        return std::nullopt;
    return path.substr(front.size(), path.size() - front.size() - back.size());
}

/// The page's files are not below /api.
std::optional<std::string_view> fit(const route& one, std::string_view path) noexcept
{
    if (one.now == get_page && path.starts_with("/api/")) return std::nullopt;
    return fit(one.pattern, path);
}

} // namespace

admin_api::admin_api(api_subject subject)
    : subject_{std::move(subject)}
{
}

admin_api::~admin_api() = default;

web::right admin_api::needed_for(admin_verb verb, std::string_view path) const
{
    // Who may not read need not learn what there is.
    auto needed = path.starts_with("/api/") ? right::read : right::none;
    for (const auto& one : routes)
        if (one.verb == verb && fit(one, path)) return one.needed;
    if (verb != get) needed = right::change;
    return needed;
}

io::awaitable<admin_reply> admin_api::answer(admin_request what)
{
    bool is_there = false;
    for (const auto& one : routes) {
        const auto name = fit(one, what.target.path);
        if (!name) continue;
        is_there = true;
        if (one.verb != what.verb) continue;
        const api_call call{subject_, what, *name};
        if (one.now != nullptr) co_return one.now(call);
        co_return co_await one.later(call);
    }
    if (is_there) co_return admin_error(405, "not in this way; see docs/api.md");
    co_return admin_error(404, "not found; there are /livez, /readyz, /metrics, / and /api/v1");
}

// ── what the routes share ─────────────────────────────────────────────────────────────────────

admin_reply json_reply(const json::object& what, unsigned status)
{
    return {status, "application/json", json::serialize(what) + "\n"};
}

std::optional<json::object> body_of(const admin_request& request)
{
    if (request.body.empty()) return json::object{};
    boost::system::error_code error;
    auto value = json::parse(request.body, error);
    if (error || !value.is_object()) return std::nullopt;
    return std::move(value.get_object());
}

std::string_view text_in(const json::object& of, std::string_view name)
{
    const auto* const found = of.if_contains(name);
    if (found == nullptr || !found->is_string()) return {};
    const auto& text = found->get_string();
    return {text.data(), text.size()};
}

std::size_t limit_of(const admin_request& request, std::size_t most) noexcept
{
    const auto text = request.target.parameter("limit");
    std::size_t value = most;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return std::clamp<std::size_t>(value, 1, most);
}

} // namespace fendmail::app

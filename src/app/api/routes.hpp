// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/admin/site.hpp"
#include "fendmail/app/api/subject.hpp"

#include <boost/json/object.hpp>
#include <cstddef>
#include <optional>
#include <string_view>

/// The functions behind the routes of api.cpp, by what they are about.
namespace fendmail::app {

/// A request, and what stands in its path where the route has a star.
struct api_call {
    api_subject& subject;
    const admin_request& request;
    std::string_view name;
};

/// Of bans in the kernel: {"on": false}, or how it is.
[[nodiscard]] boost::json::object kernel_bans_of(const kernel_link::figures& now);
[[nodiscard]] admin_reply json_reply(const boost::json::object& what, unsigned status = 200);
/// The body as one object; nothing when it is something else. An empty one is {}.
[[nodiscard]] std::optional<boost::json::object> body_of(const admin_request& request);
/// A text in it; "" when there is none.
[[nodiscard]] std::string_view text_in(const boost::json::object& of, std::string_view name);
/// The parameter `limit`, from 1 to `most`.
[[nodiscard]] std::size_t limit_of(const admin_request& request, std::size_t most) noexcept;

// ── status.cpp ──
[[nodiscard]] admin_reply get_live(const api_call& call);
[[nodiscard]] admin_reply get_ready(const api_call& call);
[[nodiscard]] io::awaitable<admin_reply> get_metrics(const api_call& call);
[[nodiscard]] admin_reply get_status(const api_call& call);
[[nodiscard]] admin_reply get_history(const api_call& call);
[[nodiscard]] admin_reply get_backends(const api_call& call);

// ── sessions.cpp ──
[[nodiscard]] admin_reply get_sessions(const api_call& call);
[[nodiscard]] admin_reply get_events(const api_call& call);
[[nodiscard]] admin_reply get_top(const api_call& call);

// ── passes.cpp ──
[[nodiscard]] admin_reply get_passes(const api_call& call);
[[nodiscard]] admin_reply get_pass(const api_call& call);
[[nodiscard]] admin_reply put_pass(const api_call& call);
[[nodiscard]] admin_reply remove_pass(const api_call& call);
[[nodiscard]] admin_reply post_passes(const api_call& call);

// ── rules.cpp ──
[[nodiscard]] admin_reply get_permits(const api_call& call);
[[nodiscard]] admin_reply put_permit(const api_call& call);
[[nodiscard]] admin_reply remove_permit(const api_call& call);
[[nodiscard]] admin_reply get_denials(const api_call& call);
[[nodiscard]] admin_reply put_denial(const api_call& call);
[[nodiscard]] admin_reply remove_denial(const api_call& call);

// ── bans.cpp ──
[[nodiscard]] admin_reply get_bans(const api_call& call);
[[nodiscard]] admin_reply put_ban(const api_call& call);
[[nodiscard]] admin_reply remove_ban(const api_call& call);

// ── lists.cpp ──
[[nodiscard]] admin_reply get_lists(const api_call& call);
[[nodiscard]] admin_reply disable_list(const api_call& call);
[[nodiscard]] admin_reply enable_list(const api_call& call);
[[nodiscard]] io::awaitable<admin_reply> test_list(const api_call& call);

// ── feeds.cpp ──
[[nodiscard]] admin_reply get_feeds(const api_call& call);

// ── client.cpp ──
[[nodiscard]] io::awaitable<admin_reply> explain_client(const api_call& call);

// ── control.cpp ──
[[nodiscard]] admin_reply get_config(const api_call& call);
[[nodiscard]] admin_reply post_reload(const api_call& call);
[[nodiscard]] admin_reply post_drain(const api_call& call);
[[nodiscard]] io::awaitable<admin_reply> post_upgrade(const api_call& call);
[[nodiscard]] admin_reply post_takeover(const api_call& call);
[[nodiscard]] admin_reply get_page(const api_call& call);

} // namespace fendmail::app

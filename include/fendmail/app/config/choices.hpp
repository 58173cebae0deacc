// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/choice.hpp"
#include "fendmail/core/abuse/ban_rules.hpp"
#include "fendmail/core/abuse/rates.hpp"
#include "fendmail/core/event/render.hpp"
#include "fendmail/core/feed/content.hpp"
#include "fendmail/core/screen/policy.hpp"
#include "fendmail/core/smtp/backend_trouble.hpp"
#include "fendmail/core/smtp/dialog.hpp"
#include "fendmail/core/smtp/replay_dialog.hpp"
#include "fendmail/io/tls/context.hpp"

#include <array>
#include <vector>

/// The choices of every enum that a key can have. Enums of the configuration have a table of
/// texts; those of other layers have their texts in to_string() there, and here only the order in
/// which they are told.
///
/// Threads: values only.
namespace fendmail::app {

template <class E>
struct told_values; // specialised with the enumerators of an enum that has a to_string()

template <>
struct told_values<screen::action> {
    static constexpr std::array all{screen::action::ignore, screen::action::enforce,
                                    screen::action::drop};
};
template <>
struct told_values<abuse::rate_action> {
    static constexpr auto all = abuse::all_rate_actions;
};
template <>
struct told_values<abuse::ban_action> {
    static constexpr auto all = abuse::all_ban_actions;
};
template <>
struct told_values<feed::format> {
    static constexpr std::array all{feed::format::automatic, feed::format::cidr,
                                    feed::format::ipset, feed::format::drop_json,
                                    feed::format::mmdb};
};
template <>
struct told_values<screen::exemption> {
    static constexpr std::array all{screen::exemption::all, screen::exemption::deep};
};
template <>
struct told_values<screen::late_lists> {
    static constexpr std::array all{screen::late_lists::wait, screen::late_lists::pass};
};
template <>
struct told_values<smtp::backend_tls> {
    static constexpr std::array all{smtp::backend_tls::none, smtp::backend_tls::opportunistic,
                                    smtp::backend_tls::require};
};
template <>
struct told_values<smtp::data_policy> {
    static constexpr std::array all{smtp::data_policy::automatic, smtp::data_policy::strict,
                                    smtp::data_policy::as_is};
};
template <>
struct told_values<smtp::tls_level> {
    static constexpr std::array all{smtp::tls_level::none, smtp::tls_level::may,
                                    smtp::tls_level::encrypt};
};
template <>
struct told_values<event::log_format> {
    static constexpr std::array all{event::log_format::postscreen, event::log_format::json,
                                    event::log_format::logfmt};
};

inline constexpr std::array tls_versions{
    choice{io::tls_version::v1_2, "TLSv1.2"},
    choice{io::tls_version::v1_3, "TLSv1.3"},
};

template <class E>
[[nodiscard]] std::vector<choice<E>> choices()
{
    std::vector<choice<E>> out;
    if constexpr (std::is_same_v<E, io::tls_version>) {
        out.assign(tls_versions.begin(), tls_versions.end());
    } else if constexpr (requires { choice_table(E{}); }) {
        const auto& table = choice_table(E{});
        out.assign(table.begin(), table.end());
    } else {
        for (const E value : told_values<E>::all)
            out.push_back({value, to_string(value)});
    }
    return out;
}

} // namespace fendmail::app

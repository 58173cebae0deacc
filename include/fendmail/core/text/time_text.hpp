// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/time.hpp"

#include <optional>
#include <string>
#include <string_view>

/// Points in wall time as text that people and programs read.
///
/// Source: RFC 3339, in UTC and whole seconds: "2026-11-30T01:02:03Z".
/// Errors: text that is not of this form is no time.
/// Threads: functions of their arguments only.
namespace fendmail {

[[nodiscard]] std::string time_text(instant when);
/// What time_text() writes and no other form.
[[nodiscard]] std::optional<instant> parse_time_text(std::string_view text);

} // namespace fendmail

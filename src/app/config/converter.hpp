// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/document.hpp"
#include "fendmail/app/config/keys.hpp"
#include "fendmail/app/config/settings.hpp"
#include "fendmail/app/config/variables.hpp"

#include <optional>
#include <string_view>

/// One value of a file → a setting of the type that its key has.
///
/// Errors: a wrong type, a value out of range, an environment variable that is not set; told at
/// their places.
/// Threads: values only.
namespace fendmail::app {

/// @param names what ${NAME} stands for
/// @return nothing when something was wrong, which has been told then
[[nodiscard]] std::optional<setting> convert_value(const key& k, const toml_value& value,
                                                   expansion& names, problem_list& problems);
/// The default of a key, as if it were not written.
[[nodiscard]] setting default_of(const key& k);

/// "a string", "an integer"; what messages call it.
[[nodiscard]] std::string_view kind_text(toml_value::kind k);
/// A bare name, as keys, sections and environment variables have.
[[nodiscard]] bool is_name(std::string_view text);

} // namespace fendmail::app

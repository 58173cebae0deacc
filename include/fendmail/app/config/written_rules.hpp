// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The rules of a configuration as they are written, without a look at anything else in it.
///
/// Errors: nothing where the text is no TOML.
/// Threads: values only.
namespace fendmail::app {

/// access.rules of a fendmail.toml, in order.
[[nodiscard]] std::optional<std::vector<std::string>> written_rules(std::string_view toml);

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "storm/load.hpp"
#include "storm/options.hpp"

#include <string>

/// What came out, for people and for programs.
///
/// Units: latencies in microseconds, all else as the names say.
/// Errors: none.
namespace fendmail::storm {

/// Some lines for the terminal.
[[nodiscard]] std::string to_text(const options& asked, const load_result& result);
/// One JSON object (RFC 8259), ended by a line end.
[[nodiscard]] std::string to_json(const options& asked, const load_result& result);

} // namespace fendmail::storm

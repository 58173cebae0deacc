// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

/// What was meant by an unknown word: a key, a section, a subcommand.
///
/// Memory: none; the result is one of the candidates.
/// Errors: none.
/// Threads: any.
namespace fendmail::app {

/// The candidate that `word` is most likely meant to be, or "" when none is close.
[[nodiscard]] std::string_view nearest(std::string_view word,
                                       const std::vector<std::string_view>& candidates);

} // namespace fendmail::app

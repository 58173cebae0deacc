// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// "$name" and its relatives in the values of main.cf.
///
/// Source: postconf(5): $name, ${name}, $(name), ${name?text}, ${name:text}, ${name?{a}:{b}},
/// ${{left} == {right} ? {a} : {b}} with == != < <= >= >, the same with the suffix "level" for
/// compatibility levels, and $$ for "$". Values are expanded in turn.
/// Memory: at most `expansion_octets_max` octets of result; at most `expansion_steps_max` names.
/// Errors: a text that says what is wrong; there is no result then.
/// Threads: none of its own.
namespace fendmail::app::postscreen {

inline constexpr std::size_t expansion_octets_max = 1 << 20;
inline constexpr std::size_t expansion_steps_max = 20'000;
inline constexpr unsigned expansion_depth_max = 100;

/// The value of a parameter as written, or nothing when there is no such parameter.
using raw_lookup = std::function<std::optional<std::string>(std::string_view)>;

struct expansion {
    std::string text;
    std::string error; ///< "" = it worked
    /// Names that stand in the text for nothing, because there is no such parameter: "$name", but
    /// not those that are only asked about, "${name?…}".
    std::vector<std::string> undefined = {};
};

[[nodiscard]] expansion expand(std::string_view text, const raw_lookup& lookup);

/// "3.6" compared with "3.11": negative, zero or positive; nothing when one is no level.
[[nodiscard]] std::optional<int> compare_levels(std::string_view left, std::string_view right);

} // namespace fendmail::app::postscreen

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

/// What DNS is asked: for the records of one type of one name.
///
/// Source: RFC 1035 §3.2.2 and RFC 3596 §2.1 (numbers of the types).
/// Memory: the name.
/// Errors: none.
/// Threads: values only.
namespace fendmail::dns {

enum class record_type : std::uint16_t { a = 1, ptr = 12, mx = 15, txt = 16, aaaa = 28 };
[[nodiscard]] std::string_view to_string(record_type type) noexcept;

struct question {
    record_type type = record_type::a;
    std::string name{};
    friend auto operator<=>(const question&, const question&) noexcept = default;
};

} // namespace fendmail::dns

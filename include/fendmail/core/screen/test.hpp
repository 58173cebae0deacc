// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

/// The screening tests, in the order in which records store them.
///
/// Source: postscreen's five tests; the first two run before the final 220 line ("early"), the
/// others in our own dialog ("deep").
namespace fendmail::screen {

enum class test : std::uint8_t { pregreet, dnsbl, pipelining, non_smtp_command, bare_newline };

inline constexpr std::size_t test_count = 5;
inline constexpr std::array<test, test_count> all_tests{
    test::pregreet, test::dnsbl, test::pipelining, test::non_smtp_command, test::bare_newline};

/// What a failed test leads to, ordered: the worst one wins.
/// ignore: note it and go on. enforce: let the client talk to our dialog and refuse its
/// recipients, so that the log shows helo, sender and recipients. drop: refuse and close at once.
enum class action : std::uint8_t { ignore, enforce, drop };

[[nodiscard]] constexpr bool is_early(test t) noexcept
{
    return t == test::pregreet || t == test::dnsbl;
}

/// Something for each test: `by_test<bool> todo; todo[test::dnsbl] = true;`.
template <class T>
struct by_test {
    std::array<T, test_count> values{};
    [[nodiscard]] T& operator[](test t) noexcept { return values[static_cast<std::size_t>(t)]; }
    [[nodiscard]] const T& operator[](test t) const noexcept
    {
        return values[static_cast<std::size_t>(t)];
    }
    friend bool operator==(const by_test&, const by_test&) = default;
};

[[nodiscard]] std::string_view to_string(test t) noexcept;
[[nodiscard]] std::string_view to_string(action a) noexcept;

} // namespace fendmail::screen

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/smtp/fault.hpp"
#include "fendmail/core/time.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

/// The screening tests, one row each, in the order in which records store them: new ones come last,
/// and none changes its place (core/screen/client_record). Everything that depends only on which
/// test it is comes from its row.
///
/// Source: postscreen's five tests; the first two run before the final 220 line ("early"), the
/// others in our own dialog ("deep").
namespace fendmail::screen {

enum class test : std::uint8_t { pregreet, dnsbl, pipelining, non_smtp_command, bare_newline };

/// What a failed test leads to, ordered: the worst one wins.
/// ignore: note it and go on. enforce: let the client talk to our dialog and refuse its
/// recipients, so that the log shows helo, sender and recipients. drop: refuse and close at
/// once.
enum class action : std::uint8_t { ignore, enforce, drop };

struct test_policy {
    bool enabled = false;
    action on_failure = action::enforce;
    seconds ttl{0}; ///< how long a pass lasts; not used for dnsbl, whose answers say it
};

enum class stage : std::uint8_t { early, deep };

struct test_row {
    screen::test test;
    /// In logs, and the section of the configuration that turns it on, if it has one of its
    /// own.
    std::string_view name;
    std::string_view log_words; ///< in postscreen's log lines
    screen::stage stage;
    test_policy defaults;
    /// What the dialog looks for; a deep test has one. That of dnsbl is a part of its score.
    std::optional<smtp::fault> fault{};
    /// The reply to a client that failed an early test; the text of dnsbl names lists.
    std::string_view enhanced{};
    std::string_view reply{};
};

inline constexpr std::array test_table{
    test_row{.test = test::pregreet,
             .name = "pregreet",
             .log_words = "PREGREET",
             .stage = stage::early,
             .defaults = {true, action::enforce, std::chrono::days{1}},
             .enhanced = "5.5.1",
             .reply = "Protocol error"},
    test_row{.test = test::dnsbl,
             .name = "dnsbl",
             .log_words = "DNSBL",
             .stage = stage::early,
             .defaults = {false, action::enforce, seconds{0}}, // on when there are sites
             .fault = smtp::fault::own_helo,
             .enhanced = "5.7.1"},
    test_row{.test = test::pipelining,
             .name = "pipelining",
             .log_words = "COMMAND PIPELINING",
             .stage = stage::deep,
             .defaults = {false, action::enforce, std::chrono::days{30}},
             .fault = smtp::fault::pipelining},
    test_row{.test = test::non_smtp_command,
             .name = "non_smtp_command",
             .log_words = "NON-SMTP COMMAND",
             .stage = stage::deep,
             .defaults = {false, action::drop, std::chrono::days{30}},
             .fault = smtp::fault::non_smtp_command},
    test_row{.test = test::bare_newline,
             .name = "bare_newline",
             .log_words = "BARE NEWLINE",
             .stage = stage::deep,
             .defaults = {false, action::ignore, std::chrono::days{30}},
             .fault = smtp::fault::bare_newline},
};
inline constexpr std::size_t test_count = test_table.size();

/// Something for each test: `by_test<bool> todo; todo[test::dnsbl] = true;`.
template <class T>
struct by_test {
    std::array<T, test_count> values{};
    [[nodiscard]] constexpr T& operator[](test t) noexcept
    {
        return values[static_cast<std::size_t>(t)];
    }
    [[nodiscard]] constexpr const T& operator[](test t) const noexcept
    {
        return values[static_cast<std::size_t>(t)];
    }
    friend bool operator==(const by_test&, const by_test&) = default;
};

inline constexpr auto all_tests = [] {
    std::array<test, test_count> all{};
    for (std::size_t i = 0; i < test_count; ++i)
        all[i] = test_table[i].test;
    return all;
}();

[[nodiscard]] constexpr const test_row& row_of(test t) noexcept
{
    return test_table[static_cast<std::size_t>(t)];
}

[[nodiscard]] constexpr bool is_early(test t) noexcept
{
    return row_of(t).stage == stage::early;
}

[[nodiscard]] constexpr by_test<test_policy> default_policies() noexcept
{
    by_test<test_policy> all{};
    for (const test_row& row : test_table)
        all[row.test] = row.defaults;
    return all;
}

[[nodiscard]] std::string_view to_string(test t) noexcept;
[[nodiscard]] std::string_view to_string(action a) noexcept;

} // namespace fendmail::screen

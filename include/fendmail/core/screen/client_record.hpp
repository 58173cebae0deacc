// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/result.hpp"
#include "fendmail/core/screen/test.hpp"
#include "fendmail/core/time.hpp"

#include <array>
#include <cstddef>
#include <optional>
#include <span>

/// What is remembered of a client: until when each test counts as passed. Only passes are
/// stored; a failure is never remembered.
///
/// Units: wall time in whole seconds. Two values are no times (postscreen has the same):
/// `never_passed` = the test was wanted but never passed; `was_disabled` = the test was off when
/// the record was written, so that turning it on later makes no client a new one.
/// Memory: `encoded_octets` in the store.
/// Stored form: version, number of tests, then for each test, in the order of screen::test, seconds
/// since 1970 as 8 octets, big-endian. Versions of fendmail that have more tests append theirs and
/// never take a place away, so that each of them reads the records of all others:
/// - Tests that a record does not have were off when it was written (`was_disabled`): the client is
///   not new, and takes them as soon as they are on.
/// - Times of tests that this version does not know are ignored. They stay in the store until the
///   record is written again, which drops them.
/// Errors: `decode` gives `bad_record` for anything but a whole record of a known version.
namespace fendmail::screen {

struct client_record {
    static constexpr instant never_passed{seconds{0}};
    static constexpr instant was_disabled{seconds{1}};
    /// of one that this version writes
    static constexpr std::size_t encoded_octets = 2 + test_count * 8;

    by_test<instant> expires_at{};

    /// A record of which nothing is known: every test `never_passed`.
    [[nodiscard]] bool is_new() const noexcept;
    [[nodiscard]] bool is_passed(test t, instant now) const noexcept
    {
        return expires_at[t] > was_disabled && now <= expires_at[t];
    }
    /// True when the last of its passes ended before `now - retention`, or it holds none.
    [[nodiscard]] bool is_stale(instant now, seconds retention) const noexcept;

    friend bool operator==(const client_record&, const client_record&) = default;
};

/// `of` without passes that cannot be: one that ends later than a pass lasts from now on was given
/// while the clock was wrong, or while its TTL was a longer one, at a time that is not known. It
/// counts as never passed, which costs the client its tests and never mail.
/// @param longest how long a pass of each test lasts at most
[[nodiscard]] client_record without_impossible(client_record of, const by_test<seconds>& longest,
                                               instant now) noexcept;

/// Of each test the later end, so that a client keeps all that it has passed.
[[nodiscard]] client_record later_of(const client_record& a, const client_record& b) noexcept;

/// `of`, and the deep tests that `also` passed, if it passed them for longer.
[[nodiscard]] client_record with_deep_passes(client_record of, const client_record& also) noexcept;

using encoded_record = std::array<std::byte, client_record::encoded_octets>;
/// A time before 1970 is stored as `never_passed`.
[[nodiscard]] encoded_record encode(const client_record& record) noexcept;
[[nodiscard]] result<client_record> decode(std::span<const std::byte> octets) noexcept;

} // namespace fendmail::screen

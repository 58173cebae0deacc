// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/dnsbl/hit_rate.hpp"
#include "fendmail/core/dnsbl/list_test.hpp"
#include "fendmail/core/dnsbl/site.hpp"
#include "fendmail/core/time.hpp"

#include <cstdint>
#include <string_view>

/// Whether one list can be trusted at the moment, and when to test it next. Pure: told what the
/// lookups and the tests saw and what time it is.
///
/// Source: list_test.hpp for the test; the breakers are described at the functions.
/// Units: steady time.
/// Memory: a few words and two windows of bits.
/// Errors: none.
/// Threads: one owner.
///
/// A list in trouble counts for nothing and is not asked about clients (but in the trouble
/// `lists_known_clients`, which only clients can end). It is tested again sooner than others, and
/// the first good test ends the trouble.
namespace fendmail::dnsbl {

struct health_timing {
    milliseconds interval{300'000}; ///< from one test of a good list to the next
    milliseconds retry_min{10'000}; ///< of a list in trouble; doubled each time
    milliseconds retry_max{60'000};
    milliseconds spacing{5'000}; ///< at least this from test to test, however suspicious
    friend bool operator==(const health_timing&, const health_timing&) = default;
};
/// Nothing waits longer than from one regular test to the next.
[[nodiscard]] health_timing timing_for(milliseconds interval) noexcept;

enum class health_change : std::uint8_t { none, suspended, restored };

/// Worth telling once, though the list stays in use.
enum class health_remark : std::uint8_t {
    none,
    no_entry, ///< it never had 127.0.0.2: dead, or without test entries
    wave,     ///< it suddenly lists nearly everybody, and its test is good
};

class zone_health {
public:
    /// Failures in a row that mean that a list is dead. One client after another waits for a dead
    /// list until then: few enough to hurt little, and more than a burst of packet loss takes.
    static constexpr int failures_max = 5;

    /// @param zone must outlive this
    zone_health(const site_set::zone_entry& zone, const health_timing& timing) noexcept;

    // ── what lookups saw; each client once ────────────────────────────────────────────────────

    /// The list answered about a client.
    /// @param is_known the client has passed the lists before
    health_change on_client(bool listed, bool is_known, tick now) noexcept;
    /// No answer, SERVFAIL or the like: `failures_max` in a row are trouble.
    health_change on_failure(tick now) noexcept;
    /// An error code, or what no list answers: tested soon.
    void on_odd_answer(tick now) noexcept;

    // ── tests ─────────────────────────────────────────────────────────────────────────────────

    [[nodiscard]] tick next_test() const noexcept { return next_test_; }
    void on_test_begun(tick now) noexcept;
    health_change on_test(const test_replies& replies, tick now) noexcept;
    /// Before a listing counted it was asked whether the list lists everybody, and it does.
    health_change on_refuted(zone_trouble what, tick now) noexcept;

    // ── what follows ──────────────────────────────────────────────────────────────────────────

    [[nodiscard]] zone_trouble trouble() const noexcept { return trouble_; }
    [[nodiscard]] bool is_good() const noexcept { return trouble_ == zone_trouble::none; }
    /// False when asking it about clients is of no use.
    [[nodiscard]] bool is_asked() const noexcept
    {
        return is_good() || trouble_ == zone_trouble::lists_known_clients;
    }
    /// A listing can be checked by asking for an address that no list may have.
    [[nodiscard]] bool can_confirm() const noexcept { return !zone_->lists_loopback; }
    [[nodiscard]] tick since() const noexcept { return since_; }
    /// Once for each remark.
    [[nodiscard]] health_remark take_remark() noexcept;
    /// Of all clients and of known ones, for the remark `wave` and for admins.
    [[nodiscard]] const hit_rate& clients() const noexcept { return clients_; }

private:
    health_change set_trouble(zone_trouble what, tick now) noexcept;
    void test_soon(tick now) noexcept;
    [[nodiscard]] zone_trouble judge_rates(zone_trouble tested) noexcept;
    [[nodiscard]] bool may_list_clients() const noexcept;

    const site_set::zone_entry* zone_;
    health_timing timing_;
    zone_trouble trouble_ = zone_trouble::none;
    tick since_{};
    tick next_test_{}; ///< at once
    tick test_begun_ = tick::min();
    milliseconds retry_;
    int failures_ = 0;
    bool has_entry_ = false; ///< documented, or seen once
    hit_rate clients_;
    hit_rate known_clients_;
    health_remark remark_ = health_remark::none;
    bool missed_entry_ = false; ///< told
    bool told_wave_ = false;
};

} // namespace fendmail::dnsbl

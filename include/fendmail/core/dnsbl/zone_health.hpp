// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/dnsbl/hit_rate.hpp"
#include "fendmail/core/dnsbl/known_rate.hpp"
#include "fendmail/core/dnsbl/list_test.hpp"
#include "fendmail/core/dnsbl/site.hpp"
#include "fendmail/core/time.hpp"

#include <cstdint>
#include <string_view>

/// Whether one list can be trusted at the moment, and when to test it next. Pure: told what the
/// lookups and the tests saw and what time it is.
///
/// Only tests, which clients have no part in, switch a list off. What clients do can at most bring
/// the next test forward. The statistics, what feeds them, and the most that it gains by that:
///
/// - lookups without an answer; any client, by many questions: a test now, if the last one began
///   5 s ago
/// - odd answers; the list, the resolver: the same
/// - share of clients listed; a wave of bots: the same, and one line in the log
/// - share of known clients listed; clients that passed from 52 of the latest 64 networks (/16):
///   the same, and addresses that passed before are spared by this list; strangers are not
///
/// Source: list_test.hpp for the test.
/// Units: steady time.
/// Memory: a few words, a window of bits and one of networks.
/// Errors: none.
/// Threads: one owner.
///
/// A list in trouble counts for nothing and is not asked about clients. It is tested again sooner
/// than others, and the first good test ends the trouble.
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
    wave,     ///< it suddenly lists nearly all clients, and its test is good
    known,    ///< it suddenly lists most clients that passed before: they are spared
};

class zone_health {
public:
    /// @param zone must outlive this
    zone_health(const site_set::zone_entry& zone, const health_timing& timing) noexcept;

    // ── what lookups saw; each client once ────────────────────────────────────────────────────

    /// The list answered about a client.
    void on_client(bool listed, tick now) noexcept;
    /// The same, of one that has passed the lists before.
    void on_known_client(const ip_address& client, bool listed, tick now) noexcept;
    /// A question that was sent, again and again, was not answered, or with SERVFAIL and the like.
    void on_failure(tick now) noexcept;
    /// An error code, or what no list answers: tested soon.
    void on_odd_answer(tick now) noexcept;

    // ── tests ─────────────────────────────────────────────────────────────────────────────────

    [[nodiscard]] tick next_test() const noexcept { return next_test_; }
    void on_test_begun(tick now) noexcept;
    health_change on_test(const test_replies& replies, tick now) noexcept;
    /// The test says nothing, since nothing at all was answered meanwhile: that is the resolver's
    /// fault, or the way's to it.
    void on_test_void(tick now) noexcept;
    /// Before a listing counted it was asked whether the list lists all clients, and it does.
    health_change on_refuted(zone_trouble what, tick now) noexcept;

    // ── what follows ──────────────────────────────────────────────────────────────────────────

    [[nodiscard]] zone_trouble trouble() const noexcept { return trouble_; }
    [[nodiscard]] bool is_good() const noexcept { return trouble_ == zone_trouble::none; }
    /// What it says against clients that passed before does not count.
    [[nodiscard]] bool spares_known() const noexcept { return known_clients_.spares(); }
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
    void note_wave() noexcept;
    [[nodiscard]] bool may_list_clients() const noexcept;

    const site_set::zone_entry* zone_;
    health_timing timing_;
    zone_trouble trouble_ = zone_trouble::none;
    tick since_{};
    tick next_test_{}; ///< at once
    tick test_begun_ = tick::min();
    milliseconds retry_;
    bool has_entry_ = false; ///< documented, or seen once
    hit_rate clients_;
    known_rate known_clients_;
    health_remark remark_ = health_remark::none;
    bool missed_entry_ = false; ///< told
    bool told_wave_ = false;
    bool told_known_ = false;
};

} // namespace fendmail::dnsbl

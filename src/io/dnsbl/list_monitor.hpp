// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/dnsbl/zone_health.hpp"
#include "fendmail/core/event/event.hpp"
#include "fendmail/io/dns/resolver_pool.hpp"
#include "fendmail/io/dnsbl/list_states.hpp"
#include "fendmail/io/net/deadline_queue.hpp"
#include "fendmail/io/waiter.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <random>
#include <vector>

/// Tests one list at its times, confirms its listings, and tells what becomes of it.
///
/// Both go ahead of clients' questions and are asked again and again, sooner than those: they
/// decide about all clients. Units: a confirmation has `timeout`, a test that or `test_time`,
/// whichever is less. Memory: a few words; while a test runs, six queries. Errors: none; a question
/// without an answer is a reply to the test. Threads: one worker; see list_states for how workers
/// share what they found.
///
/// Before a listing counts, the list must have said that it does not list 127.0.0.1, in answer to
/// a question that was asked after the listing came in. So a list that begins to list all
/// refuses none, not even the first client. Resolvers keep that answer, and one question a
/// `confirmation_spacing` does for all clients; so it costs next to nothing. What a resolver keeps
/// may be as old as the list's negative TTL, hence `nobody` is asked as well, once a minute.
namespace fendmail::io {

class list_monitor final : public waiter {
public:
    static constexpr milliseconds confirmation_spacing{100};
    static constexpr milliseconds confirmation_spacing_busy{500}; ///< while clients' questions wait
    static constexpr milliseconds test_time{5'000};
    static constexpr milliseconds nobody_spacing{60'000};
    /// A missing test entry is not told before the lists of the same resolver were tested as well,
    /// or so much later.
    static constexpr milliseconds entry_patience{6'000};
    static constexpr milliseconds entry_spacing{250};

    struct surroundings {
        event_sink* events;
        deadline_queue* deadlines;
        const resolver_pool* resolvers; ///< asked anew for each test
        list_states* states;
        milliseconds timeout;
        dnsbl::health_timing timing;
    };
    using confirmed = std::function<void(bool is_confirmed)>;

    /// Begins its first test. @param sites must outlive this, as must the surroundings
    list_monitor(const surroundings& with, const dnsbl::site_set& sites, std::size_t zone);
    list_monitor(const list_monitor&) = delete;
    list_monitor& operator=(const list_monitor&) = delete;
    ~list_monitor();

    /// No worker has found trouble.
    [[nodiscard]] bool is_good() const noexcept;
    /// What it says against clients that passed before does not count.
    [[nodiscard]] bool spares_known() const noexcept { return health_.spares_known(); }

    // What lookups saw; each client once.
    /// @param known it has passed the lists before
    void on_client(const ip_address& client, bool listed, bool known, tick now);
    /// A question that was sent was not answered.
    void on_failure(tick now);
    void on_odd_answer(tick now);

    /// A listing can be checked, by asking for an address that no list may have.
    [[nodiscard]] bool can_confirm() const noexcept { return health_.can_confirm(); }
    /// Calls `done` later, never from within this call, and not at all after its own end.
    void confirm(confirmed done);

    void wake() noexcept override;

private:
    struct test;
    struct confirmation;

    void look(tick now);
    /// Asks, and tells `hear` as long as `alive` lives.
    void ask(dnsbl::test_question what, resolver& with, tick limit, std::weak_ptr<const void> alive,
             std::function<void(const dns::answer&)> hear);
    void begin_test(tick now);
    void end_test(tick now);
    void begin_confirmation(tick now);
    void on_confirmation(dnsbl::test_reply reply);
    void end_confirmation(bool is_confirmed);
    void set_deadline();
    /// Makes the other workers and the log agree with what is known here.
    void share(bool is_to_be_told, tick now);
    void tell_trouble();
    void note_entry(dnsbl::test_reply reply, tick now);
    /// Told as the resolver's doing, or to be told later.
    [[nodiscard]] bool is_not_of_list(tick now);
    void tell_missing_entry(tick now);
    void tell_filter();
    void tell_recovery(tick now);
    void tell_remark();
    [[nodiscard]] const dnsbl::site_set::zone_entry& entry() const noexcept
    {
        return sites_->zones[zone_];
    }

    surroundings with_;
    const dnsbl::site_set* sites_;
    std::size_t zone_;
    dnsbl::zone_health health_;
    deadline due_;
    std::minstd_rand random_;
    std::shared_ptr<test> test_;
    std::shared_ptr<confirmation> confirmation_;
    std::vector<confirmed> waiting_; ///< for the next confirmation
    tick next_confirmation_{};
    tick next_nobody_{};
    bool is_suspended_ = false;   ///< by us
    bool is_distrusting_ = false; ///< our resolvers
    bool is_filtered_ = false;    ///< by our resolvers, it seems
    bool misses_entry_ = false;   ///< which has not been told yet
    tick entry_missing_since_ = tick::max();
    tick next_blame_ = tick::max(); ///< when to look again for the cause of that
};

} // namespace fendmail::io

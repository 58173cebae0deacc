// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/event/event.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/dns/resolver.hpp"
#include "fendmail/io/dnsbl/list_states.hpp"
#include "fendmail/io/net/deadline_queue.hpp"
#include "fendmail/io/waiter.hpp"

#include <cstddef>
#include <memory>

/// Tells when a resolver as a whole is in trouble, which is one matter and not one for each of its
/// lists: that none of its servers answers, and that it loses much.
///
/// Units: what is lost is looked at every `period`.
/// Memory: a few words.
/// Errors: none.
/// Threads: one worker; list_states sees to it that only one of them tells.
namespace fendmail::io {

class resolver_watch final : public waiter {
public:
    static constexpr milliseconds period{10'000};
    static constexpr std::uint64_t results_min = 100; ///< in a period, or it says nothing
    static constexpr double much = 0.20;              ///< lost of them
    static constexpr double little = 0.05;

    /// @param zone one of its lists, under which the states know it
    resolver_watch(std::shared_ptr<resolver> of, event_sink& events, deadline_queue& deadlines,
                   std::shared_ptr<list_states> states, std::size_t zone);
    resolver_watch(const resolver_watch&) = delete;
    resolver_watch& operator=(const resolver_watch&) = delete;
    ~resolver_watch();

    void wake() noexcept override;

private:
    [[nodiscard]] event::resolver_traffic traffic() const noexcept;
    void look_whether_it_answers();
    void look_what_is_lost();
    [[nodiscard]] static seconds since(tick then);

    std::shared_ptr<resolver> of_;
    event_sink* events_;
    std::shared_ptr<list_states> states_;
    std::size_t zone_;
    deadline due_;
    resolver_figures before_{}; ///< at the beginning of the period
    bool is_silent_ = false;
    bool is_losing_ = false;
    tick silent_since_{};
    tick losing_since_{};
};

} // namespace fendmail::io

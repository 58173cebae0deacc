// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/event/event.hpp"
#include "fendmail/core/throttle/lasting_trouble.hpp"
#include "fendmail/core/time.hpp"

#include <atomic>
#include <mutex>
#include <string_view>

/// What the backend's clients last met there: one line when it goes and one when it is back,
/// however many clients notice, one now and then while it stays away
/// (core/throttle/lasting_trouble), and the answer for /readyz.
///
/// Units: clients that could not be handed off are counted, the one that is told included.
/// Memory: a few words.
/// Errors: none.
/// Threads: any; while all is well it is one atomic read.
namespace fendmail::app {

class backend_state {
public:
    /// Trouble and success in turn are trouble, until there was none for this long.
    static constexpr milliseconds calm{2000};
    /// Misfits so far apart are different ones.
    static constexpr seconds misfits_apart{600};

    /// A client could not be handed off. The first one is told, and others now and then.
    void on_failure(event_sink& events, const event::of_client& client, std::string_view backend,
                    std::string_view reason, tick now) noexcept;
    /// The backend is there, but did not fit this client: what we had offered, or TLS. It is told
    /// as one that lasts; after a time without, the next one is the first again.
    void on_misfit(event_sink& events, const event::of_client& client, std::string_view backend,
                   std::string_view reason, tick now) noexcept;
    /// A client was. The first one after trouble is told, with how many were not meanwhile.
    void on_success(event_sink& events, std::string_view backend, tick now) noexcept;
    /// It can be connected to, which is good enough for trying the next client; tells nothing.
    void on_connected() noexcept { is_failing_.store(false); }

    /// The last word of the backend was a bad one.
    [[nodiscard]] bool is_failing() const noexcept { return is_failing_.load(); }

private:
    std::atomic<bool> is_failing_{false};
    std::atomic<bool> is_told_{false};
    std::mutex mutex_;
    lasting_trouble course_; ///< of what was told
    tick last_failure_{};
    lasting_trouble misfits_;
    tick last_misfit_{};
};

} // namespace fendmail::app

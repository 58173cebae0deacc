// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/shared/backend_identity.hpp"

#include <algorithm>
#include <chrono>

namespace fendmail::app {

void backend_identity::on_mistaken(event_sink& events, std::string_view backend,
                                   std::string_view reason, std::string_view advice,
                                   bool turned_away, tick now) noexcept
{
    {
        const std::lock_guard lock{mutex_};
        if (turned_away) {
            on_turned_away();
            want_probe(); // only a probe finds out when it is mended
        }
        last_proof_ = now;
        word_.store(word::mistaken);
        if (is_told_.exchange(true)) return;
        since_ = now;
        calm_ =
            was_restored_ && now - restored_ < memory ? std::min(calm_ * 2, calm_max) : calm_min;
    }
    events.on(event::backend_suspended{backend, reason, advice});
}

void backend_identity::on_taken(event_sink& events, std::string_view backend, tick when) noexcept
{
    if (word_.load() == word::taken && !is_told_.load()) return;
    event::backend_proven news{backend, seconds{0}, 0};
    {
        const std::lock_guard lock{mutex_};
        if (is_told_.load() && when <= last_proof_) return;
        word_.store(word::taken);
        if (!is_told_.load() || when - last_proof_ < calm_) return;
        is_told_.store(false);
        was_restored_ = true;
        restored_ = when;
        news.after = std::chrono::duration_cast<seconds>(when - since_);
        news.clients = clients_.exchange(0);
    }
    events.on(news);
}

void backend_identity::on_undecided() noexcept
{
    const std::lock_guard lock{mutex_};
    if (word_.load() != word::taken) word_.store(word::undecided);
}

tick backend_identity::calm_at() noexcept
{
    const std::lock_guard lock{mutex_};
    return last_proof_ + calm_;
}

} // namespace fendmail::app

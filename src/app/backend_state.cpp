// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/backend_state.hpp"

#include <chrono>

namespace fendmail::app {

void backend_state::on_failure(event_sink& events, const endpoint& client, std::string_view backend,
                               std::string_view reason, tick now) noexcept
{
    {
        const std::lock_guard lock{mutex_};
        is_failing_.store(true);
        last_failure_ = now;
        ++clients_;
        if (is_told_.exchange(true)) return;
        since_ = now;
        clients_ = 1;
    }
    events.on(event::backend_unavailable{client, backend, reason});
}

void backend_state::on_success(event_sink& events, std::string_view backend, tick now) noexcept
{
    if (is_failing_.load()) is_failing_.store(false);
    if (!is_told_.load()) return;
    std::size_t clients = 0;
    tick since{};
    {
        const std::lock_guard lock{mutex_};
        if (now - last_failure_ < calm || !is_told_.exchange(false)) return;
        clients = clients_;
        since = since_;
    }
    const auto after = std::chrono::duration_cast<seconds>(now - since);
    events.on(event::backend_restored{backend, after, clients});
}

} // namespace fendmail::app

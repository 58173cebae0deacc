// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/shared/backend_state.hpp"

#include <optional>

namespace fendmail::app {

void backend_state::on_failure(event_sink& events, const event::of_client& client,
                               std::string_view backend, std::string_view reason, tick now) noexcept
{
    std::optional<lasting_trouble::summary> told;
    {
        const std::lock_guard lock{mutex_};
        is_failing_.store(true);
        is_told_.store(true);
        last_failure_ = now;
        told = course_.on_failure(now);
    }
    if (told)
        events.on(event::backend_unavailable{client, backend, reason, told->failures, told->after});
}

void backend_state::on_misfit(event_sink& events, const event::of_client& client,
                              std::string_view backend, std::string_view reason, tick now) noexcept
{
    std::optional<lasting_trouble::summary> told;
    {
        const std::lock_guard lock{mutex_};
        if (now - last_misfit_ > misfits_apart) misfits_ = {};
        last_misfit_ = now;
        told = misfits_.on_failure(now);
    }
    if (told)
        events.on(event::backend_unavailable{client, backend, reason, told->failures, told->after});
}

void backend_state::on_success(event_sink& events, std::string_view backend, tick now) noexcept
{
    if (is_failing_.load()) is_failing_.store(false);
    if (!is_told_.load()) return;
    std::optional<lasting_trouble::summary> ended;
    {
        const std::lock_guard lock{mutex_};
        if (now - last_failure_ < calm || !is_told_.exchange(false)) return;
        ended = course_.on_success(now);
    }
    if (ended) events.on(event::backend_restored{backend, ended->after, ended->failures});
}

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/net/wake_coalescer.hpp"

#include "fendmail/core/time_grid.hpp"
#include "fendmail/io/os/clock.hpp"

namespace fendmail::io {

void wake_coalescer::on_unknown_client() noexcept
{
    pace_.on_event(steady_now());
}

bool wake_coalescer::is_on() noexcept
{
    return pace_.is_fast(steady_now());
}

awaitable<void> wake_coalescer::wait()
{
    const tick now = steady_now();
    if (!pace_.is_fast(now)) co_return;
    steady_timer until{where_, next_on_grid(now + tick_span{1}, interval)};
    co_await until.async_wait(no_throw);
}

} // namespace fendmail::io

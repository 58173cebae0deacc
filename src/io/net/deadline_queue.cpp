// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/net/deadline_queue.hpp"

#include "fendmail/core/time_grid.hpp"
#include "fendmail/io/os/clock.hpp"

#include <boost/asio/error.hpp>

namespace fendmail::io {

void deadline::set(tick due)
{
    clear();
    due_ = due;
    queue_->add(*this);
}

void deadline::set_after(tick_span span)
{
    set(steady_now() + span);
}

void deadline::clear() noexcept
{
    passed_ = false;
    if (is_linked()) unlink();
}

deadline_queue::deadline_queue(boost::asio::io_context& context)
    : timer_{context}
    , self_{std::make_shared<deadline_queue*>(this)}
{
}

deadline_queue::~deadline_queue()
{
    *self_ = nullptr;
    waiting_.clear();
}

void deadline_queue::add(deadline& d)
{
    // With the end as a hint this is O(1) for a deadline that ends last, which most do.
    waiting_.insert(waiting_.end(), d);
    arm(d.due_);
}

void deadline_queue::arm(tick due)
{
    const tick rings = next_on_grid(due, grain);
    if (rings >= armed_for_) return;
    armed_for_ = rings;
    timer_.expires_at(rings);
    timer_.async_wait([self = self_](const boost::system::error_code& error) {
        if (error == boost::asio::error::operation_aborted || !*self) return;
        (*self)->ring();
    });
}

void deadline_queue::ring()
{
    armed_for_ = tick::max();
    const tick now = steady_now();
    // One at a time from the front: a wake() may set, clear or destroy any deadline.
    while (!waiting_.empty() && waiting_.begin()->due_ <= now) {
        deadline& first = *waiting_.begin();
        waiting_.erase(waiting_.begin());
        first.passed_ = true;
        first.who_->wake();
    }
    if (!waiting_.empty()) arm(waiting_.begin()->due_);
}

} // namespace fendmail::io

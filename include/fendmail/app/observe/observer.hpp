// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/event/event.hpp"

#include <vector>

/// Where every event of the process goes: to each of its sinks, one after the other.
///
/// What takes events (the log; counters, a live stream) is a sink of its own and knows no other. By
/// its contract (event_sink) a sink neither blocks nor throws, so none can hold up a worker or keep
/// an event from the next one.
/// Memory: a pointer for each sink; an event allocates nothing.
/// Errors: none.
/// Threads: on() from any thread, without a lock: the sinks are those of the constructor.
namespace fendmail::app {

class observer final : public event_sink {
public:
    /// @param sinks not null; they outlive this
    explicit observer(std::vector<event_sink*> sinks) noexcept;
    void on(const any_event& what) noexcept override;

private:
    const std::vector<event_sink*> sinks_;
};

} // namespace fendmail::app

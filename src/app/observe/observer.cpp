// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/observe/observer.hpp"

#include <utility>

namespace fendmail::app {

observer::observer(std::vector<event_sink*> sinks) noexcept
    : sinks_{std::move(sinks)}
{
}

void observer::on(const any_event& what) noexcept
{
    for (event_sink* const each : sinks_)
        each->on(what);
}

} // namespace fendmail::app

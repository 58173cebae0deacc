// SPDX-License-Identifier: Apache-2.0
#include "map_fault.hpp"

#include <csignal>
#include <mutex>

namespace fendmail::io {

namespace {

thread_local fault_place* innermost = nullptr;
struct sigaction handler_before;

extern "C" void on_bus_error(int)
{
    if (innermost != nullptr) siglongjmp(innermost->jump, 1);
    // Somebody else's: it is met again under the handler that was there before.
    ::sigaction(SIGBUS, &handler_before, nullptr);
}

void install_handler() noexcept
{
    struct sigaction ours{};
    ours.sa_handler = on_bus_error;
    // The jump out of the handler leaves the mask of signals as it is in there.
    ours.sa_flags = SA_NODEFER;
    ::sigaction(SIGBUS, &ours, &handler_before);
}

} // namespace

fault_place::fault_place() noexcept
    : outer_{innermost}
{
    static std::once_flag installed;
    std::call_once(installed, install_handler);
    innermost = this;
}

fault_place::~fault_place()
{
    innermost = outer_;
}

} // namespace fendmail::io

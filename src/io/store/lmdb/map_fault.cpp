// SPDX-License-Identifier: Apache-2.0
#include "map_fault.hpp"

#include <csignal>
#include <mutex>
#include <pthread.h>
#include <ucontext.h>

namespace fendmail::io {

namespace {

thread_local fault_place* innermost = nullptr;
struct sigaction handler_before;

extern "C" void on_bus_error(int, siginfo_t*, void* context)
{
    if (innermost != nullptr) {
        // As returning from here would do; sigsetjmp() keeps no mask, which would cost a system
        // call each time.
        ::pthread_sigmask(SIG_SETMASK, &static_cast<const ucontext_t*>(context)->uc_sigmask,
                          nullptr);
        siglongjmp(innermost->jump, 1);
    }
    // Not of a map of ours: it is met again under the handler that was there before.
    ::sigaction(SIGBUS, &handler_before, nullptr);
}

void install_handler() noexcept
{
    struct sigaction ours{};
    ours.sa_sigaction = on_bus_error;
    ours.sa_flags = SA_SIGINFO;
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

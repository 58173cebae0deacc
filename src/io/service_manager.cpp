// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/service_manager.hpp"

#include <chrono>
#include <systemd/sd-daemon.h>

namespace fendmail::io {

void tell_ready(const std::string& status) noexcept
{
    ::sd_notifyf(0, "READY=1\nSTATUS=%s", status.c_str());
}

void tell_reloading() noexcept
{
    // systemd compares it with its own clock, CLOCK_MONOTONIC, which std::chrono's is on Linux.
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
    ::sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", static_cast<long long>(micros));
}

void tell_stopping(const std::string& status) noexcept
{
    ::sd_notifyf(0, "STOPPING=1\nSTATUS=%s", status.c_str());
}

} // namespace fendmail::io

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/os/service_manager.hpp"

#include <cstdint>
#include <systemd/sd-daemon.h>
#include <unistd.h>

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

void tell_main_process() noexcept
{
    ::sd_notifyf(0, "MAINPID=%d", static_cast<int>(::getpid()));
}

void tell_stopping(const std::string& status) noexcept
{
    ::sd_notifyf(0, "STOPPING=1\nSTATUS=%s", status.c_str());
}

std::optional<std::chrono::microseconds> watchdog_limit() noexcept
{
    std::uint64_t micros = 0;
    if (::sd_watchdog_enabled(0, &micros) <= 0) return std::nullopt;
    return std::chrono::microseconds{micros};
}

void tell_alive() noexcept
{
    ::sd_notify(0, "WATCHDOG=1");
}

std::vector<unique_fd> take_passed_sockets()
{
    std::vector<unique_fd> all;
    constexpr int unset_environment = 1;
    const int count = ::sd_listen_fds(unset_environment);
    for (int i = 0; i < count; ++i)
        all.emplace_back(SD_LISTEN_FDS_START + i);
    return all;
}

} // namespace fendmail::io

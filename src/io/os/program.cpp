// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/os/program.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fmt/format.h>
#include <spawn.h>
#include <string_view>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace fendmail::io {

namespace {

bool is_for_us_alone(std::string_view variable) noexcept
{
    constexpr std::array<std::string_view, 4> names{
        "WATCHDOG_PID=", "LISTEN_PID=", "LISTEN_FDS=", "LISTEN_FDNAMES="};
    return std::ranges::any_of(names,
                               [&](std::string_view name) { return variable.starts_with(name); });
}

std::vector<char*> environment()
{
    std::vector<char*> kept;
    for (char** each = environ; each != nullptr && *each != nullptr; ++each)
        if (!is_for_us_alone(*each)) kept.push_back(*each);
    kept.push_back(nullptr);
    return kept;
}

} // namespace

std::string own_program()
{
    std::error_code failure;
    auto path = std::filesystem::read_symlink("/proc/self/exe", failure).string();
    // A package that was upgraded since then has put another file in its place.
    constexpr std::string_view gone = " (deleted)";
    if (path.ends_with(gone)) path.resize(path.size() - gone.size());
    return failure ? std::string{} : path;
}

started_program start_program(const std::vector<std::string>& words)
{
    std::vector<char*> arguments;
    for (const auto& word : words)
        arguments.push_back(const_cast<char*>(word.c_str())); // NOLINT: it is not written to
    arguments.push_back(nullptr);
    auto variables = environment();
    posix_spawnattr_t how;
    if (const int code = ::posix_spawnattr_init(&how); code != 0)
        return {-1, std::generic_category().message(code)};
    // Signals that we have blocked or ignore are not the new program's concern.
    sigset_t none;
    sigset_t all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&how, &none);
    ::posix_spawnattr_setsigdefault(&how, &all);
    ::posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    started_program made;
    const int code = ::posix_spawn(&made.process, words.front().c_str(), nullptr, &how,
                                   arguments.data(), variables.data());
    ::posix_spawnattr_destroy(&how);
    if (code != 0)
        return {-1, fmt::format("{}: {}", words.front(), std::generic_category().message(code))};
    return made;
}

std::optional<std::string> look_for_end(pid_t process)
{
    int status = 0;
    const pid_t ended = ::waitpid(process, &status, WNOHANG);
    if (ended == 0) return std::nullopt;
    if (ended < 0) return errno == EINTR ? std::nullopt : std::optional<std::string>{"is gone"};
    if (WIFSIGNALED(status)) return fmt::format("was ended by signal {}", WTERMSIG(status));
    return fmt::format("ended with exit code {}", WEXITSTATUS(status));
}

void go_on_in_child()
{
    const pid_t child = ::fork();
    if (child < 0) throw std::system_error{errno, std::generic_category(), "fork"};
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        return;
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFSIGNALED(status)) {
        const rlimit none{};
        ::setrlimit(RLIMIT_CORE, &none); // the child has left one
        std::signal(WTERMSIG(status), SIG_DFL);
        std::raise(WTERMSIG(status));
    }
    ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

void live_on() noexcept
{
    ::prctl(PR_SET_PDEATHSIG, 0);
}

} // namespace fendmail::io

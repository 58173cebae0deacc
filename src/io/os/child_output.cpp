// SPDX-License-Identifier: Apache-2.0
#include "fendmail/io/os/child_output.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace fendmail::io {

namespace {

int wait_for(pid_t process) noexcept
{
    int status = 0;
    while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

} // namespace

child_output::child_output(const std::vector<std::string>& words)
    : name_{words.front()}
{
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
        throw std::system_error{errno, std::generic_category(), "pipe"};
    output_.reset(ends[0]);
    const unique_fd its_end{ends[1]};
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (const auto& word : words)
        arguments.push_back(const_cast<char*>(word.c_str())); // posix_spawn changes none
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, its_end.get(), STDOUT_FILENO);
    const int failure =
        ::posix_spawnp(&process_, name_.c_str(), &actions, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (failure == 0) return;
    process_ = -1;
    throw std::system_error{failure, std::generic_category(), "cannot start " + name_};
}

child_output::~child_output()
{
    if (process_ < 0) return;
    ::kill(process_, SIGTERM);
    wait_for(process_);
}

std::string child_output::wait()
{
    const int status = wait_for(std::exchange(process_, -1));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    if (WIFEXITED(status))
        return fmt::format("{} ended with exit code {}", name_, WEXITSTATUS(status));
    return fmt::format("{} was ended by signal {}", name_, WTERMSIG(status));
}

} // namespace fendmail::io

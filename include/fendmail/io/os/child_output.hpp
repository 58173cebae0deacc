// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/io/os/unique_fd.hpp"

#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

/// Another program whose standard output is read.
///
/// Source: posix_spawn(3), waitpid(2).
/// Errors: std::system_error when it cannot be started.
/// Threads: one owner.
namespace fendmail::io {

class child_output {
public:
    /// @param words the program, looked up in PATH, and its arguments; its standard error is ours
    explicit child_output(const std::vector<std::string>& words);
    /// Ends it, if it has not ended.
    ~child_output();
    child_output(const child_output&) = delete;
    child_output& operator=(const child_output&) = delete;

    /// To be taken once.
    [[nodiscard]] unique_fd take_output() noexcept { return std::move(output_); }
    /// Waits for its end, which comes when it has no more to say.
    /// @return "" when its exit code is 0, else what became of it
    [[nodiscard]] std::string wait();

private:
    std::string name_;
    pid_t process_ = -1;
    unique_fd output_;
};

} // namespace fendmail::io

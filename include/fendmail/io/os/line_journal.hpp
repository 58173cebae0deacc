// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/io/os/unique_fd.hpp"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

/// A file to which lines are appended, and which is written anew now and then.
///
/// What flush() has written survives the end of the process at any moment (kill -9); a loss of
/// power may cost what was written since the last rewrite(). A line that was cut is no line of the
/// next reader, and the next one begins behind it. Several processes may append to one file; one
/// that finds another file in its place goes on there.
/// Memory: the lines that wait.
/// Errors: come back as text for an admin; what could not be written waits for the next flush(), at
/// most `waiting_max` octets.
/// Threads: one owner.
namespace fendmail::io {

class line_journal {
public:
    static constexpr std::size_t waiting_max = std::size_t{16} << 20;
    static constexpr std::size_t file_max = std::size_t{256} << 20;

    explicit line_journal(std::filesystem::path file)
        : file_{std::move(file)}
    {
    }

    /// Calls `see` with each whole line. @return why it cannot be read; no file is as good as an
    /// empty one
    [[nodiscard]] std::optional<std::string> read(const std::function<void(std::string_view)>& see);
    /// Lines without their ends.
    void append(std::string_view line);
    [[nodiscard]] std::optional<std::string> flush();
    /// Puts these in the place of all lines that were there, and of those that wait.
    [[nodiscard]] std::optional<std::string> rewrite(std::string_view lines);
    /// Lines since the last rewrite, also those that read() found: so that a file cannot grow for
    /// ever by processes that each live for a short time.
    [[nodiscard]] std::size_t appended() const noexcept { return appended_; }
    [[nodiscard]] bool has_waiting() const noexcept { return !waiting_.empty(); }

private:
    [[nodiscard]] std::optional<std::string> open();
    [[nodiscard]] bool is_same_file() const noexcept;

    std::filesystem::path file_;
    unique_fd opened_;
    std::string waiting_;
    std::size_t appended_ = 0;
};

} // namespace fendmail::io

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/io/os/unique_fd.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// A log as lines, from a file or a pipe; what was packed with gzip is unpacked as it is read.
///
/// Source: RFC 1952 (gzip, also several members in one file).
/// Memory: some hundred kilobytes, however long the log is; a longer line than `line_octets_max`
/// is cut there.
/// Errors: one that cannot be read to its end ends early, and failure() says why.
/// Threads: one owner.
namespace fendmail::io {

class line_source {
public:
    static constexpr std::size_t line_octets_max = 64 * 1024;

    explicit line_source(unique_fd from);
    ~line_source();
    line_source(const line_source&) = delete;
    line_source& operator=(const line_source&) = delete;
    line_source(line_source&&) noexcept;
    line_source& operator=(line_source&&) = delete;

    /// Without its end; valid until the next call. Nothing at the end.
    [[nodiscard]] std::optional<std::string_view> next();
    /// "" when the end is the end.
    [[nodiscard]] const std::string& failure() const noexcept { return failure_; }

private:
    class unpacker;

    [[nodiscard]] bool fill();

    std::unique_ptr<unpacker> unpacker_;
    std::vector<char> buffer_;
    std::string_view left_; ///< of the buffer
    std::string line_;      ///< one that stands in two buffers
    std::string failure_;
    bool is_over_ = false;
};

/// Opens it to be read. @return none, with errno
[[nodiscard]] unique_fd open_to_read(const std::string& path) noexcept;

} // namespace fendmail::io

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

/// Reads the lines that others append to a log file, through rotations of either kind: where it is
/// renamed and made anew, the old one is read on for a while, because its writer notices late;
/// where it is copied and truncated, reading begins at its start again.
///
/// What the file has when it is followed first is not read; one that comes later is, from its
/// start. Source: inotify(7), by way of file_watch; logrotate(8), "create" and "copytruncate".
/// Units: octets; steady time.
/// Memory: 64 KiB while it reads, and the start of a line.
/// Errors: a file that is not there or cannot be read is told and looked for again. Lines longer
/// than `line_octets_max` are left out. Threads: the thread of its io_context, of which it takes
/// `octets_of_turn` at most before others have their turn.
namespace fendmail::io {

class log_follower {
public:
    static constexpr std::size_t line_octets_max = 8192;
    static constexpr std::size_t octets_of_turn = 256 * 1024;

    struct listener {
        /// A whole line, without its end.
        std::function<void(std::string_view)> on_line;
        /// Why it is not read; "" = it is. Called when that changes.
        std::function<void(std::string_view)> on_state;
    };

    /// Nothing is called from within this.
    log_follower(boost::asio::io_context& context, std::filesystem::path file, listener to);
    /// Nothing is called any more. @pre not within a call of the listener
    ~log_follower();
    log_follower(const log_follower&) = delete;
    log_follower& operator=(const log_follower&) = delete;

private:
    struct impl;
    std::shared_ptr<impl> impl_;
};

/// Why a file cannot be followed by this process, or "".
[[nodiscard]] std::string why_not_followed(const std::filesystem::path& file);

} // namespace fendmail::io

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/time.hpp"
#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/os/unique_fd.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <filesystem>
#include <functional>

/// Tells when a small file may have changed, been replaced, gone or come.
///
/// The kernel tells of the file itself and of each directory in which a name of it stands: of
/// /etc/resolv.conf -> /run/systemd/resolve/resolv.conf both. Not everything can be watched (a
/// mount over the file, some network file systems), so besides that it tells every `period`;
/// the reader of the file compares, and so looking costs three system calls.
///
/// Source: inotify(7).
/// Units: steady time. What is written in pieces is told `settling` after the first piece.
/// Memory: two descriptors.
/// Errors: none; what cannot be watched is looked at every `period`.
/// Threads: the thread of its io_context.
namespace fendmail::io {

class file_watch {
public:
    static constexpr milliseconds settling{100};
    static constexpr milliseconds period{2000};

    /// @param look is called from the event loop; it may stop() the watch but not destroy it
    file_watch(boost::asio::io_context& context, std::filesystem::path file,
               std::function<void()> look);
    file_watch(const file_watch&) = delete;
    file_watch& operator=(const file_watch&) = delete;
    ~file_watch() { stop(); }

    void stop() noexcept;
    /// Looks again so soon after this.
    void look_after(milliseconds span);

private:
    using descriptor =
        boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type>;

    void arm();
    void await_event();
    void on_event();

    std::filesystem::path file_;
    std::function<void()> look_;
    descriptor events_;
    steady_timer timer_;
    bool stopped_ = false;
};

} // namespace fendmail::io

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/io/net/stream.hpp"

#include <array>
#include <cstddef>

/// The streams of one session, so that an orderly stop can end it from outside whatever it is
/// waiting for: closing its streams ends every wait.
///
/// Memory: two pointers; a session has its client and at most one backend.
/// Threads: one worker.
namespace fendmail::io {

class stream_group {
public:
    /// Keeps a stream in the group while it lives.
    class membership {
    public:
        /// Closes the stream at once when the group is closed already.
        membership(stream_group& group, stream& member) noexcept;
        membership(const membership&) = delete;
        membership& operator=(const membership&) = delete;
        ~membership();

    private:
        stream_group* group_;
        stream* member_;
    };

    void close_all() noexcept;
    /// Ends the waits that are under way, as stream::wake().
    void wake_all() noexcept;
    [[nodiscard]] bool is_closed() const noexcept { return closed_; }

private:
    std::array<stream*, 2> members_{};
    bool closed_ = false;
};

} // namespace fendmail::io

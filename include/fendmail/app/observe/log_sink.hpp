// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/event/event.hpp"
#include "fendmail/io/log/writer.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

/// The log among the sinks of events: whichever log writer the configuration asks for now.
///
/// Errors: replacing the writer throws what its constructor throws; the old one then stays.
/// Threads: on() from any thread; replace() and flush() from the main thread only.
namespace fendmail::app {

class log_sink final : public event_sink {
public:
    explicit log_sink(const io::log_options& options);
    ~log_sink() override;
    void on(const any_event& what) noexcept override;

    /// Does nothing when nothing changes.
    /// @throws std::runtime_error when the target cannot be opened
    void replace(const io::log_options& options);
    /// Opens a log file anew, which follows a rotated one. Other targets stay as they are.
    /// @throws std::runtime_error when it cannot be opened
    void reopen();
    /// Waits until all lines so far are written, some seconds at most.
    /// @return false when that was not long enough
    [[nodiscard]] bool flush() noexcept;
    /// Lines that are missing from the log since the start.
    [[nodiscard]] std::uint64_t lost() const noexcept;

private:
    void use(const io::log_options& options);

    io::log_options options_;
    std::unique_ptr<io::log_writer> owner_;
    std::uint64_t lost_before_ = 0;                     ///< by the writers that `owner_` replaced
    std::atomic<io::log_writer*> writer_;               ///< `owner_`, for all threads
    std::shared_ptr<std::atomic<std::size_t>> writing_; ///< threads that are inside on()
};

} // namespace fendmail::app

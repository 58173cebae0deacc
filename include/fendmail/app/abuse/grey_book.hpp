// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/core/abuse/grey_list.hpp"
#include "fendmail/core/event/event.hpp"
#include "fendmail/io/awaiting.hpp"
#include "fendmail/io/os/line_journal.hpp"

#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

/// Which suspects were asked to come back, and which did: one list for all workers, as clients of
/// one network meet all of them, and a file, so that a restart asks no network twice.
///
/// Memory: that of the list.
/// Errors: a file that cannot be read or written is told as a caution; the list then ends with the
/// process, and some suspects are asked once more.
/// Threads: the thread of its io_context.
namespace fendmail::app {

/// Asks on any thread; the answer comes on the main thread, or never when that has no time.
using grey_asker =
    std::function<void(const network&, std::function<void(const abuse::grey_list::found&)>)>;

class grey_book {
public:
    /// @param file "" = it is kept in memory only
    grey_book(boost::asio::io_context& context, event_sink& events, std::filesystem::path file,
              const abuse::grey_rules& rules);
    /// Writes what is not written yet.
    void stop();
    /// Another process has the file as well from now on: this one only appends to it.
    void let_go();
    /// What another process has written since the start.
    void read_again();
    void write_now();
    void configure(const abuse::grey_rules& rules) { list_.configure(rules); }

    [[nodiscard]] abuse::grey_list::found ask(const network& who);
    struct figures {
        std::size_t waiting = 0;
        std::size_t back = 0;
    };
    [[nodiscard]] figures counts() const noexcept { return {list_.waiting(), list_.back()}; }

private:
    void restore();
    void rewrite();
    void tell(const std::optional<std::string>& failure, std::string_view what);
    void wait();

    event_sink& events_;
    abuse::grey_list list_;
    std::filesystem::path file_;
    std::optional<io::line_journal> journal_;
    io::steady_timer timer_;
    std::string told_failure_;
    bool may_rewrite_ = true;
    bool is_stopped_ = false;
};

/// Beside the client store.
[[nodiscard]] std::filesystem::path grey_file_of(const std::filesystem::path& store);

} // namespace fendmail::app

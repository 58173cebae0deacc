// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fendmail/app/config/sections/feeds.hpp"
#include "fendmail/app/feeds/feed_file.hpp"
#include "fendmail/app/feeds/feed_set.hpp"
#include "fendmail/app/feeds/feed_status.hpp"
#include "fendmail/core/event/event.hpp"
#include "fendmail/core/throttle/report_limit.hpp"
#include "fendmail/core/time.hpp"
#include "fendmail/io/os/file_watch.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

/// Keeps the feeds in use up to date: notices when their files change, reads them on a thread of
/// its own, and publishes what they have to the workers.
///
/// Units: entries; wall time for ages, which count from when a file was written.
/// Memory: what the feeds have; of one that is read both the old and the new.
/// Errors: none stop anything. A file that cannot be used leaves what was there before in use, at
/// the start what `fendmail feed install` kept; all is told to the event sink.
/// Threads: one event loop, and one thread that reads. What it publishes is immutable.
namespace fendmail::app {

class feed_book {
public:
    using set = std::shared_ptr<const feed_set>;
    using forbidden = std::shared_ptr<const feed::forbidden_networks>;
    /// Gets each new set; null when no feed is in use.
    using publisher = std::function<void(set)>;

    feed_book(boost::asio::io_context& context, event_sink& events, publisher publish);
    feed_book(const feed_book&) = delete;
    feed_book& operator=(const feed_book&) = delete;
    ~feed_book();

    /// The first time reads all before it returns, so that the first client already meets them;
    /// then what is new or has other rules is read aside, and the rest stays in use.
    void configure(const feed_options& options, forbidden must_not_hit);
    /// Other networks must not be hit: all files are judged again.
    void judge_again(forbidden must_not_hit);
    /// Reads no more.
    void stop();

    [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
    [[nodiscard]] const set& now() const noexcept { return published_; }
    [[nodiscard]] std::vector<feed_status> status() const;

private:
    struct entry;

    void take_over(const feed_options& options);
    void look(entry& one);
    void load_now(entry& one);
    void load_aside(entry& one);
    void on_loaded(std::uint64_t number, loaded_feed found);
    void accept(entry& one, loaded_feed found);
    void refuse(entry& one, const loaded_feed& found);
    void tell_left_out(entry& one);
    void tell_old_age(entry& one);
    void publish();

    boost::asio::io_context& context_;
    event_sink& events_;
    publisher publish_;
    feed_options options_;
    forbidden forbidden_;
    std::vector<std::unique_ptr<entry>> entries_; ///< in the order of the configuration
    std::uint64_t next_number_ = 1;
    set published_;
    bool has_begun_ = false;
    std::shared_ptr<feed_book*> self_; ///< for what comes back from the other thread
    boost::asio::thread_pool reader_{1};
};

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/observe/log_sink.hpp"

#include <thread>
#include <utility>

namespace fendmail::app {

namespace {

constexpr seconds flush_time_limit{5};
constexpr milliseconds look_again{10};

/// At the start there is no other log to keep: mail does not wait for this one.
io::log_options not_needed_now(io::log_options options)
{
    options.must_open = false;
    return options;
}

} // namespace

log_sink::log_sink(const io::log_options& options)
    : options_{options}
    , owner_{std::make_unique<io::log_writer>(not_needed_now(options))}
    , writer_{owner_.get()}
    , writing_{std::make_shared<std::atomic<std::size_t>>(0)}
{
}

log_sink::~log_sink() = default;

void log_sink::on(const any_event& what) noexcept
{
    // Counted before the pointer is read: when the writer has been replaced and then no thread is
    // counted, none has the old one. std::atomic<std::shared_ptr> would say the same in fewer
    // words, but that of gcc 12 is not free of races.
    writing_->fetch_add(1);
    writer_.load()->on(what);
    writing_->fetch_sub(1);
}

void log_sink::replace(const io::log_options& options)
{
    const bool same = options.format == options_.format && options.words == options_.words &&
                      options.target == options_.target && options.ident == options_.ident &&
                      options.hostname == options_.hostname && options.summary == options_.summary;
    if (!same) use(options);
}

void log_sink::reopen()
{
    if (options_.target.to == io::log_destination::kind::file) use(io::log_options{options_});
}

void log_sink::use(const io::log_options& options)
{
    auto old = std::exchange(owner_, std::make_unique<io::log_writer>(options));
    writer_.store(owner_.get());
    options_ = options;
    old->flush(seconds{1});
    lost_before_ += old->lost();
    // A worker may be writing to it just now, and must not be held up; nor must this thread: to
    // close a target that takes no more lines takes long.
    std::thread{[last = std::move(old), writing = writing_] {
        while (writing->load() != 0)
            std::this_thread::sleep_for(look_again);
    }}.detach();
}

std::uint64_t log_sink::lost() const noexcept
{
    return lost_before_ + owner_->lost();
}

bool log_sink::flush() noexcept
{
    return owner_->flush(flush_time_limit);
}

} // namespace fendmail::app

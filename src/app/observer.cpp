// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/observer.hpp"

#include <thread>

namespace fendmail::app {

namespace {

constexpr seconds flush_time_limit{5};

} // namespace

observer::observer(const io::log_options& options)
    : options_{options}
    , writer_{std::make_shared<io::log_writer>(options)}
{
}

observer::~observer() = default;

void observer::on(const any_event& what) noexcept
{
    if (const auto writer = writer_.load()) writer->on(what);
}

void observer::replace(const io::log_options& options)
{
    const bool is_file = options.target.starts_with("file:");
    const bool same = options.format == options_.format && options.target == options_.target &&
                      options.ident == options_.ident && options.hostname == options_.hostname;
    if (same && !is_file) return;
    auto old = writer_.exchange(std::make_shared<io::log_writer>(options));
    options_ = options;
    old->flush(seconds{1});
    // A worker may be writing to it just now, and must not be the one that closes it; nor must
    // this thread, since a target that takes no more lines would hold it up.
    std::thread{[last = std::move(old)]() mutable {
        std::this_thread::sleep_for(seconds{1});
        last.reset();
    }}.detach();
}

bool observer::flush() noexcept
{
    const auto writer = writer_.load();
    return !writer || writer->flush(flush_time_limit);
}

} // namespace fendmail::app

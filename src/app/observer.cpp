// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/observer.hpp"

namespace fendmail::app {

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
    // There is one syslog connection in a process and closing the old writer would close the new
    // one's, so two of them must not overlap. Lines in between are lost; a reload is rare.
    if (options.target == "syslog" && options_.target == "syslog") writer_.store(nullptr);
    writer_.store(std::make_shared<io::log_writer>(options));
    options_ = options;
}

void observer::flush() noexcept
{
    if (const auto writer = writer_.load()) writer->flush();
}

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#include "fendmail/app/session/environment.hpp"

#include <boost/asio/co_spawn.hpp>
#include <utility>

namespace fendmail::app {

void environment::tell_failure(const std::exception& what) noexcept
{
    events.on(event::internal_error{what.what()});
}

void environment::spawn(io::awaitable<void> what)
{
    boost::asio::co_spawn(context, std::move(what), [this](const std::exception_ptr& escaped) {
        if (escaped) guard([&] { std::rethrow_exception(escaped); });
    });
}

} // namespace fendmail::app

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/wait_traits.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>

/// The coroutine vocabulary of the io and app layers.
namespace fendmail::io {

namespace asio = boost::asio;
using boost::system::error_code;

/// Of every socket, timer and coroutine. Asio's default can hold any executor, and copies and
/// destroys one for each operation; all of ours run on an io_context.
using executor = asio::io_context::executor_type;
template <class T>
using awaitable = asio::awaitable<T, executor>;
using steady_timer =
    asio::basic_waitable_timer<std::chrono::steady_clock,
                               asio::wait_traits<std::chrono::steady_clock>, executor>;

inline constexpr asio::use_awaitable_t<executor> use_awaitable{};
/// The one completion token: errors come back as values, nothing is thrown into a coroutine.
inline constexpr asio::as_tuple_t<asio::use_awaitable_t<executor>> no_throw{use_awaitable};

} // namespace fendmail::io

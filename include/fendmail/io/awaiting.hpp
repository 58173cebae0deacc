// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

/// The coroutine vocabulary of the io and app layers.
namespace fendmail::io {

namespace asio = boost::asio;
using boost::system::error_code;

/// The one completion token: errors come back as values, nothing is thrown into a coroutine.
inline constexpr auto no_throw = asio::as_tuple(asio::use_awaitable);

} // namespace fendmail::io

// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>

namespace fendmail::test {

/// Runs `context` until `condition` holds. False when it does not within `bound`, which is far
/// longer than anything here takes. The condition may depend on another thread.
template <class Condition>
[[nodiscard]] bool run_until(boost::asio::io_context& context, Condition condition,
                             std::chrono::seconds bound = std::chrono::seconds{20})
{
    const auto deadline = std::chrono::steady_clock::now() + bound;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        context.restart();
        context.run_one_for(std::chrono::milliseconds{2});
    }
    return true;
}

} // namespace fendmail::test
